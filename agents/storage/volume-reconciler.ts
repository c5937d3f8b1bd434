// SPDX-License-Identifier: Apache-2.0
import type {
  DocumentOf,
  KindReconciler,
  NodeState,
  Observation,
  OwnedPlace,
  RunContext,
  Wake,
} from '../runtime/reconciler.ts'
import type { Inventory, NodeSpec, ObservedError, Orphan, Tombstone } from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import type { BackendVolume, VolumeDriver } from './volume-driver.ts'

export type Pool = NonNullable<NodeSpec['pools']>[number]

export interface VolumeReconcilerOptions {
  /** The driver of one pool; called once for each name and path. @throws TerminalError for a driver that this agent does not have */
  createDriver(pool: Pick<Pool, 'name' | 'driver' | 'path'>): VolumeDriver
  /** Pools in which this node has ever made a volume, whether or not a document names them. */
  knownPools(): Promise<Pick<Pool, 'name' | 'driver' | 'path'>[]>
  /** The pool that this node made the volume in. */
  poolOf(volume: string): Promise<Pick<Pool, 'name' | 'driver' | 'path'> | undefined>
}

const GIB = 2 ** 30
/** How often an exported volume is checked: a renewed certificate, or a daemon that somebody else replaced, sends no event. */
const RECHECK_MS = 60_000

export class VolumeReconciler implements KindReconciler<'volume'> {
  readonly kind = 'volume'
  readonly #options: VolumeReconcilerOptions
  readonly #drivers = new Map<string, VolumeDriver>()
  #watching: { wake: Wake; signal: AbortSignal } | undefined

  constructor(options: VolumeReconcilerOptions) {
    this.#options = options
  }

  async start(wake: Wake, signal: AbortSignal): Promise<void> {
    this.#watching = { wake, signal }
    for (const driver of this.#drivers.values()) this.#watch(driver)
  }

  /** The node's pools or its certificate changed. */
  wakeAll(): void {
    this.#watching?.wake.all()
  }

  async reconcile(document: DocumentOf<'volume'>, context: RunContext): Promise<Observation<'volume'>> {
    const { uid, spec } = document
    const { signal } = context
    const pool = poolsOf(context.state).find((p) => p.name === spec.pool)
    if (!pool) {
      throw new TransientError(
        'PoolNotOnNode',
        `StoragePool ${spec.pool} is not configured on node ${context.node} (yet)`,
      )
    }
    const driver = this.#driver(pool)
    // First, because it does not touch the pool, whose disk may hang.
    if (spec.exportTo.length === 0) await driver.unexport(uid, signal)
    const made = await driver.ensure({ id: uid, sizeGiB: spec.sizeGiB, format: spec.format }, signal)
    const { sizeBytes, error } = await grow(driver, made, spec.sizeGiB, context)
    const size = { sizeGiB: Math.floor(sizeBytes / GIB) }
    const failure = error === undefined ? {} : { error, retryAfterMs: RECHECK_MS }
    if (spec.exportTo.length === 0) return { state: 'available', facts: { ...size, exportedTo: [] }, ...failure }
    const holders = spec.exportTo.map((node) => ({ node, key: spec.exportKeys?.[node] }))
    const connection = await driver.export(uid, holders, signal)
    const facts = { ...size, connection, exportedTo: [...spec.exportTo].sort() }
    return { state: 'available', facts, ...failure, retryAfterMs: RECHECK_MS }
  }

  async remove({ uid }: Tombstone, context: RunContext): Promise<Observation<'volume'>> {
    const { signal } = context
    const recorded = await this.#options.poolOf(uid)
    // Without a record, the agent's disk was lost or the volume was never made: look in every pool.
    const pools = recorded ? [recorded] : poolsOf(context.state)
    for (const pool of pools) {
      const driver = this.#driver(pool)
      await driver.unexport(uid, signal)
      await driver.remove(uid, signal)
    }
    return { state: 'gone' }
  }

  /** A pool that is not mounted does not affect the others. */
  async places(): Promise<OwnedPlace[]> {
    const pools = await this.#options.knownPools()
    return pools.map(({ name, path }) => ({ id: path, name: `pool ${name}` }))
  }

  async listOwned(signal: AbortSignal, place?: string): Promise<Orphan[]> {
    const owned: Orphan[] = []
    for (const pool of await this.#options.knownPools()) {
      if (place !== undefined && pool.path !== place) continue
      for (const { id, sizeBytes } of await this.#driver(pool).list(signal)) {
        owned.push({
          kind: 'volume',
          uid: id,
          what: `volume of ${Math.ceil(sizeBytes / GIB)} GiB in pool ${pool.name}`,
        })
      }
    }
    return owned
  }

  /** For the node's inventory. A pool that cannot be used is reported with the reason and counts as full. */
  async inventory(configured: readonly Pool[], signal: AbortSignal): Promise<Pick<Inventory, 'pools'>> {
    const pools: Inventory['pools'] = []
    for (const { name, driver, path, uid } of configured) {
      try {
        const { totalBytes, freeBytes } = await this.#driver({ name, driver, path }).stats(signal)
        pools.push({ name, driver, uid, totalGiB: Math.floor(totalBytes / GIB), freeGiB: Math.floor(freeBytes / GIB) })
      } catch (error) {
        if (!(error instanceof TransientError || error instanceof TerminalError)) throw error
        pools.push({ name, driver, uid, totalGiB: 0, freeGiB: 0, error: error.message })
      }
    }
    return { pools }
  }

  #driver(pool: Pick<Pool, 'name' | 'driver' | 'path'>): VolumeDriver {
    const key = JSON.stringify([pool.driver, pool.path])
    const known = this.#drivers.get(key)
    if (known) return known
    const driver = this.#options.createDriver(pool)
    this.#drivers.set(key, driver)
    this.#watch(driver)
    return driver
  }

  #watch(driver: VolumeDriver): void {
    const { wake, signal } = this.#watching ?? {}
    if (wake && signal) driver.watch?.((id) => wake.one(id), signal)
  }
}

/** A volume that cannot grow is served as it is, and nodes that may no longer use it are cut off all the same. */
async function grow(
  driver: VolumeDriver,
  made: BackendVolume,
  sizeGiB: number,
  { signal, log }: RunContext,
): Promise<BackendVolume & { error?: ObservedError }> {
  if (made.sizeBytes === sizeGiB * GIB) return made
  try {
    return await driver.grow(made.id, sizeGiB, signal)
  } catch (error) {
    if (!(error instanceof TransientError || error instanceof TerminalError)) throw error
    log.warn({ err: error, sizeGiB }, 'the volume keeps its size')
    const { reason, message } = error
    return { ...made, error: { reason, message, terminal: error instanceof TerminalError } }
  }
}

function poolsOf(state: Pick<NodeState, 'list'>): readonly Pool[] {
  return state.list('node').flatMap((document) => (document.tombstone ? [] : (document.spec.pools ?? [])))
}
