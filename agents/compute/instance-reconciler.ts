// SPDX-License-Identifier: Apache-2.0
import type { InstanceDocument, ObservedFacts, Orphan, Tombstone } from '../../lib/contract/documents.ts'
import { isPlugged } from '../../lib/contract/plugged-port.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import type { DocumentKey, KindReconciler, NodeState, Observation, RunContext, Wake } from '../runtime/reconciler.ts'
import { findShortage, type Capacity } from './capacity.ts'
import type { BackendInstance, InstanceDriver } from './drivers/driver.ts'
import { toObservedNic } from './nics.ts'
import type { ComputePaths } from './paths.ts'
import { decidePower, type PowerRecord } from './power.ts'
import { readPowerRecord, writePowerRecord } from './power-store.ts'
import { findPorts, findWaiting, rootBytes, toInstanceWant, type ConfigDriveFiles } from './want.ts'

/** The driver comes with the node's own document, a little after the role. */
export interface DriverChoice {
  current(): InstanceDriver | undefined
  readonly ready: Promise<InstanceDriver>
}

export interface InstanceReconcilerOptions {
  paths: ComputePaths
  driver: DriverChoice
  configDriveFiles: ConfigDriveFiles
  /** Undefined: capacity is not checked (fake machines). */
  readCapacity(): Promise<Capacity | undefined>
  nowMs?: () => number
}

const GIB = 2 ** 30
/** A stage is worth a message only when it lasts. */
const REPORT_AFTER_MS = 1_000
/** Guests take their time to let a disk go; an event says when, this is for the one that got lost. */
const DETACH_LOOK_MS = 5_000
/** start and pause; save and what comes after; never a circle */
const MAX_POWER_STEPS = 3
/** Events feed observation at once; this catches what was missed. */
const RESYNC_MS = 300_000

export class InstanceReconciler implements KindReconciler<'instance'> {
  readonly kind = 'instance'
  readonly #options: InstanceReconcilerOptions

  constructor(options: InstanceReconcilerOptions) {
    this.#options = options
  }

  dependencies({ spec }: InstanceDocument): readonly DocumentKey[] {
    return [
      { kind: 'image', uid: spec.image.uid },
      ...spec.ports.map(({ uid }) => ({ kind: 'port', uid }) as const),
      ...spec.volumes.map(({ uid }) => ({ kind: 'volume', uid }) as const),
    ]
  }

  async reconcile(document: InstanceDocument, context: RunContext): Promise<Observation<'instance'>> {
    const driver = this.#getDriver()
    const found = await driver.find(document.uid, context.signal)
    context.listed(found?.volumes ?? [])
    const isOn = found !== undefined && found.power !== 'off' && found.power !== 'saved'
    if (!isOn) {
      const waiting = findWaiting(document, context.state)
      if (waiting && !(found && document.spec.runState === 'Stopped')) return this.#waiting(document, context, waiting)
    }
    if (!found) await this.#checkCapacity(document, context)
    const building = setTimeout(
      () => context.report({ state: 'building', facts: { stages: stages(document, context, found) } }),
      REPORT_AFTER_MS,
    )
    try {
      return await this.#converge(document, context, driver)
    } finally {
      clearTimeout(building)
    }
  }

  async #converge(
    document: InstanceDocument,
    context: RunContext,
    driver: InstanceDriver,
  ): Promise<Observation<'instance'>> {
    const { uid, spec } = document
    const { signal, state, log } = context
    const want = toInstanceWant(document, findPorts(document, state), state, this.#options.configDriveFiles)
    let instance = await driver.ensure(want, signal)
    context.listed(instance.volumes)
    let record = await readPowerRecord(this.#options.paths, uid)
    let retryAfterMs: number | undefined
    for (let step = 0; step < MAX_POWER_STEPS; step++) {
      const decision = decidePower({
        spec,
        bootId: context.bootId,
        grantedBootId: context.grantedBootId,
        instance,
        record,
        nowMs: (this.#options.nowMs ?? Date.now)(),
      })
      // The intent first: a kill between the two must not look like a guest that went off by itself.
      await writePowerRecord(this.#options.paths, uid, record, decision.record)
      record = decision.record
      retryAfterMs = decision.retryAfterMs
      if (decision.action === undefined) break
      const startedAt = performance.now()
      await driver.setPower(uid, decision.action, signal)
      log.info({ action: decision.action, durationMs: Math.round(performance.now() - startedAt) }, 'power changed')
      instance = await getInstance(driver, uid, signal)
      if (decision.retryAfterMs !== undefined) break
    }
    return toObservation(document, context, { instance, record, retryAfterMs, driver: driver.name })
  }

  /** As it was told, not as the hypervisor has it: known also while that is away, and before the machine is there. */
  standingFacts(document: InstanceDocument, state: NodeState): ObservedFacts {
    const nics = findPorts(document, state).map(toObservedNic)
    return nics.length === 0 ? {} : { nics }
  }

  async remove(tombstone: Tombstone, context: RunContext): Promise<Observation<'instance'>> {
    await this.#getDriver().remove(tombstone.uid, context.signal)
    return { state: 'gone' }
  }

  async listOwned(signal: AbortSignal): Promise<Orphan[]> {
    const driver = this.#options.driver.current()
    if (!driver) return []
    return (await driver.list(signal)).map((found) => ({ kind: 'instance', ...found }))
  }

  async start(wake: Wake, signal: AbortSignal): Promise<void> {
    const listener = { changed: (uid: string) => wake.one(uid), resync: () => wake.all() }
    // Goes on in the background for as long as the role lives; begins once there is a driver.
    void this.#options.driver.ready.then((driver) => driver.watch(listener, signal))
    const timer = setInterval(() => wake.all(), RESYNC_MS)
    timer.unref()
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  }

  #getDriver(): InstanceDriver {
    const driver = this.#options.driver.current()
    if (!driver) throw new TransientError('RoleNotReady', 'the node has not been told how it runs machines yet')
    return driver
  }

  #waiting(
    document: InstanceDocument,
    context: RunContext,
    waiting: { reason: string; message: string },
  ): Observation<'instance'> {
    return {
      state: 'waiting',
      facts: { stages: stages(document, context, undefined) },
      error: { reason: waiting.reason, message: waiting.message, terminal: false },
    }
  }

  /**
   * Before anything of a new machine is made. One that was started here has its place, also when the hypervisor has forgotten it: a
   * refusal would send it elsewhere, and its disks would be removed here.
   */
  async #checkCapacity(document: InstanceDocument, context: RunContext): Promise<void> {
    if ((await readPowerRecord(this.#options.paths, document.uid)).phase !== 'new') return
    const capacity = await this.#options.readCapacity()
    if (!capacity) return
    const { spec } = document
    const others = context.state
      .list('instance')
      .flatMap((other) => (other.tombstone || other.uid === document.uid ? [] : [other.spec]))
    const shortage = findShortage({ ...spec, rootBytes: rootBytes(document, context.state) }, others, capacity)
    if (shortage !== undefined)
      throw new TerminalError('InsufficientResources', `node ${context.node} has no room: ${shortage}`)
  }
}

async function getInstance(driver: InstanceDriver, uid: string, signal: AbortSignal): Promise<BackendInstance> {
  const instance = await driver.find(uid, signal)
  if (!instance) throw new TransientError('DomainVanished', 'the machine disappeared from the hypervisor')
  return instance
}

interface Converged {
  instance: BackendInstance
  record: PowerRecord
  retryAfterMs: number | undefined
  driver: string
}

function toObservation(document: InstanceDocument, context: RunContext, now: Converged): Observation<'instance'> {
  const { instance, record, driver } = now
  const changes = instance.power === 'off' ? [] : pendingChanges(document, instance)
  const because = instance.power === 'off' && record.because !== 'Requested' ? record.because : undefined
  const facts: ObservedFacts = {
    stages: stages(document, context, instance),
    hypervisor: driver,
    volumesAttached: instance.volumes,
    vcpus: instance.vcpus,
    memoryMiB: instance.memoryMiB,
    ...(instance.rootBytes === undefined ? {} : { rootDiskGiB: Math.floor(instance.rootBytes / GIB) }),
    ...(changes.length === 0 ? {} : { pendingChanges: changes }),
    ...(because === undefined ? {} : { stoppedBecause: because }),
    ...(record.startedAtMs === undefined ? {} : { startedAt: new Date(record.startedAtMs).toISOString() }),
  }
  const wanted = new Set(document.spec.volumes.map((volume) => volume.uid))
  const leaving = instance.volumes.some((uid) => !wanted.has(uid))
  const retryAfterMs = now.retryAfterMs ?? (leaving ? DETACH_LOOK_MS : undefined)
  const ioError = { reason: 'DiskError', message: 'the machine is paused: one of its disks fails', terminal: false }
  return {
    state: toState(instance, because),
    facts,
    ...(instance.ioError ? { error: ioError } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

function toState(instance: BackendInstance, because: PowerRecord['because']): Observation<'instance'>['state'] {
  switch (instance.power) {
    case 'running':
      return 'running'
    case 'paused':
      return 'paused'
    case 'saved':
      return 'suspended'
    case 'off':
      return because === 'Crashed' ? 'crashed' : 'stopped'
    default:
      return instance.power satisfies never
  }
}

function pendingChanges({ spec }: InstanceDocument, instance: BackendInstance): string[] {
  return [
    ...(spec.vcpus === instance.vcpus ? [] : ['vcpus']),
    ...(spec.memoryMiB === instance.memoryMiB ? [] : ['memoryMiB']),
  ]
}

type Stage = NonNullable<ObservedFacts['stages']>[number]

function stages({ spec }: InstanceDocument, { state }: RunContext, instance: BackendInstance | undefined): Stage[] {
  const reached: Stage[] = []
  const isOn = instance !== undefined && (instance.power === 'running' || instance.power === 'paused')
  if (isOn || state.findObserved('image', spec.image.uid)?.state === 'ready') reached.push('ImageCached')
  if (spec.ports.every(({ uid }) => isPlugged(state.findObserved('port', uid)))) reached.push('NetworkAttached')
  if (spec.volumes.every(({ uid }) => instance?.volumes.includes(uid))) reached.push('VolumesAttached')
  if (isOn) reached.push('Booted')
  return reached
}
