// SPDX-License-Identifier: Apache-2.0
// Collects what the node has, and publishes it when it differs from what was last acknowledged.
import { isDeepStrictEqual } from 'node:util'
import { CONTRACT_VERSION, type Inventory } from '../../lib/contract/documents.ts'
import { inventorySubject } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import { pause, systemClock } from '../../lib/time/clock.ts'
import type { Outbox } from '../runtime/reporter.ts'
import { collectHardware } from './hardware.ts'
import type { NodeIdentity } from './identity.ts'
import type { NbdIdentity } from './nbd-identity.ts'
import type { SealingKey } from './sealing-key.ts'
import type { InventorySource } from './role.ts'

const EVERY_MS = 60_000
const RETRY_MS = 1_000
const COLLECT_DEADLINE_MS = 20_000

export interface InventoryOptions {
  node: string
  bootId: string
  storeId: string
  agentVersion: string
  address: string
  encapAddress: string
  stateDir: string
  identity: NodeIdentity
  nbd: NbdIdentity
  sealing: SealingKey
  outbox: Outbox
  log: Logger
  /** For metrics. */
  onCollected?: (inventory: Inventory) => void
}

export class InventoryPublisher {
  readonly #options: InventoryOptions
  readonly #sources = new Set<InventorySource>()
  /** The last result of each source: a source that fails has not lost what it reported. */
  readonly #parts = new Map<InventorySource, Partial<Inventory>>()
  #acknowledged: Inventory | undefined
  #wake: (() => void) | undefined
  #changed = true

  constructor(options: InventoryOptions) {
    this.#options = options
  }

  addSource(source: InventorySource): void {
    this.#sources.add(source)
    this.changed()
  }

  /** Collect and compare now. */
  changed(): void {
    this.#changed = true
    this.#wake?.()
  }

  /** NATS may have lost it: publish it again. */
  repeat(): void {
    this.#acknowledged = undefined
    this.changed()
  }

  /** Runs until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#changed = false
      const published = await this.#publish(signal)
      if (this.#changed && published) continue
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      await pause(systemClock, published ? EVERY_MS : RETRY_MS, AbortSignal.any([signal, woken.signal]))
      this.#wake = undefined
    }
  }

  async #publish(signal: AbortSignal): Promise<boolean> {
    const { outbox, node, log } = this.#options
    if (!outbox.connected) return false
    try {
      const inventory = await this.collect(signal)
      this.#options.onCollected?.(inventory)
      if (isDeepStrictEqual(inventory, this.#acknowledged)) return true
      await outbox.publish(inventorySubject(node), JSON.stringify(inventory))
      this.#acknowledged = inventory
      log.info({ node, cpus: inventory.cpus, memoryMiB: inventory.memoryMiB }, 'inventory published')
      return true
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'inventory not published')
      return false
    }
  }

  async collect(signal: AbortSignal): Promise<Inventory> {
    const options = this.#options
    const hardware = await collectHardware(options.stateDir)
    for (const source of this.#sources) await this.#ask(source, signal)
    const parts = [...this.#parts.values()]
    const pools = parts.flatMap((part) => (part.pools ? [part.pools] : []))
    return {
      v: CONTRACT_VERSION,
      node: options.node,
      agentVersion: options.agentVersion,
      bootId: options.bootId,
      storeId: options.storeId,
      address: options.address,
      encapAddress: options.encapAddress,
      ...hardware,
      ...Object.assign({}, ...parts),
      // An empty list would mean that there are none.
      ...(pools.length > 0 ? { pools: pools.flat() } : {}),
      certificateRequest: await options.identity.request(new Date()),
      nbdRequests: await options.nbd.requests(new Date()),
      sealingKey: await options.sealing.announce(),
    } as Inventory
  }

  async #ask(source: InventorySource, signal: AbortSignal): Promise<void> {
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(COLLECT_DEADLINE_MS)])
      this.#parts.set(source, await inTime(source.collect(deadline), deadline))
    } catch (error) {
      if (!signal.aborted) this.#options.log.warn({ err: error, source: source.name }, 'inventory source failed')
    }
  }
}

/** A source that ignores its deadline does not delay the others. */
function inTime<T>(work: Promise<T>, deadline: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(deadline.reason as Error)
    if (deadline.aborted) give()
    deadline.addEventListener('abort', give, { once: true })
    work.then(resolve, reject).finally(() => deadline.removeEventListener('abort', give))
  })
}
