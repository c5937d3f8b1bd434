// SPDX-License-Identifier: Apache-2.0
import type { InstanceDocument, ObservedFacts, Orphan, Tombstone } from '../../lib/contract/documents.ts'
import { isTerminal, TransientError } from '../../lib/errors.ts'
import type { DocumentKey, KindReconciler, NodeState, Observation, RunContext, Wake } from '../runtime/reconciler.ts'
import { checkCapacity, type ReadCapacity } from './capacity.ts'
import { isPoweredOn, type BackendInstance, type InstanceDriver, type InstanceWant } from './instance-driver.ts'
import type { HostStopping } from './host-stopping.ts'
import { toObservedNic } from './nics.ts'
import { listLeaving, listStages, toObservation } from './observation.ts'
import type { ComputePaths } from './paths.ts'
import { afterAction, decidePower } from './power.ts'
import type { PowerRecord } from './power-record.ts'
import { filePowerStore, type PowerStore } from './power-store.ts'
import { checkConnections, findPorts, findWaiting, toInstanceWant, type ConfigDriveFiles } from './want.ts'

/** The driver comes with the node's own document, a little after the role. */
export interface DriverChoice {
  current(): InstanceDriver | undefined
  readonly ready: Promise<InstanceDriver>
}

export interface InstanceReconcilerOptions {
  paths: ComputePaths
  driver: DriverChoice
  configDriveFiles: ConfigDriveFiles
  readCapacity: ReadCapacity
  isHostStopping: HostStopping
  /** Files below `paths` when absent. */
  powerStore?: PowerStore
  /** Steady: what sets the host's clock must not shorten what a guest has. */
  nowMs?: () => number | Promise<number>
}

/** A stage is worth a message only when it lasts. */
const REPORT_AFTER_MS = 1_000
/** Beside a machine that is on: what failed is tried again, ever more rarely; events of the hypervisor come in between. */
const TROUBLE_FIRST_MS = 2_000
const TROUBLE_MAX_MS = 300_000
/** Guests take their time to let a disk go; an event says when, this is for one that did not hear, and for an event that got lost. */
const DETACH_FIRST_MS = 5_000
const DETACH_MAX_MS = 60_000
/** After these a call goes on by itself, and may still succeed. */
const UNDER_WAY = new Set(['MachineUnresponsive', 'HypervisorUnreachable'])
/** wake, start and pause; save and what comes after; never a circle */
const MAX_POWER_STEPS = 3
/** Events feed observation at once; this catches what was missed. */
const RESYNC_MS = 300_000

interface Run {
  document: InstanceDocument
  context: RunContext
  driver: InstanceDriver
  want: InstanceWant
}

interface Step {
  instance: BackendInstance
  trouble?: unknown
}

export class InstanceReconciler implements KindReconciler<'instance'> {
  readonly kind = 'instance'
  readonly #options: InstanceReconcilerOptions
  readonly #store: PowerStore
  /** How often in a row something was left undone of a machine that is on. */
  readonly #attempts = new Map<string, number>()

  constructor(options: InstanceReconcilerOptions) {
    this.#options = options
    this.#store = options.powerStore ?? filePowerStore(options.paths)
  }

  dependencies({ spec }: InstanceDocument): readonly DocumentKey[] {
    return [
      { kind: 'image', uid: spec.image.uid },
      ...spec.ports.map(({ uid }) => ({ kind: 'port', uid }) as const),
      ...spec.volumes.map(({ uid }) => ({ kind: 'volume', uid }) as const),
    ]
  }

  async reconcile(document: InstanceDocument, context: RunContext): Promise<Observation<'instance'>> {
    const { state, signal } = context
    const driver = this.#getDriver()
    const found = await driver.find(document.uid, signal)
    // Not known is not said: what was said last stands.
    if (!found) context.listed([])
    else if (found.volumes) context.listed(found.volumes)
    const isOn = found !== undefined && isPoweredOn(found.power)
    if (!isOn) {
      const waiting = findWaiting(document, state)
      if (waiting && !(found && document.spec.runState === 'Stopped')) {
        const error = { ...waiting, terminal: false }
        return { state: 'waiting', facts: { stages: listStages(document, state, undefined) }, error }
      }
    }
    // One that was started here has its place, also when the hypervisor has forgotten it: a refusal would send it elsewhere, and its
    // disks would be removed here.
    if (!found && (await this.#store.read(document.uid)).phase === 'new') {
      await checkCapacity(document, context, this.#options.readCapacity)
    }
    const report = (): void =>
      context.report({ state: 'building', facts: { stages: listStages(document, state, found) } })
    // A machine that is on is not built, however long its run takes.
    const building = isOn ? undefined : setTimeout(report, REPORT_AFTER_MS)
    try {
      const want = toInstanceWant(document, findPorts(document, state), state, this.#options.configDriveFiles)
      return await this.#converge({ document, context, driver, want }, isOn ? found : undefined)
    } finally {
      clearTimeout(building)
    }
  }

  /**
   * Power before volumes, and each whatever became of the other: a machine whose disk cannot be attached, or whose QEMU hangs, is
   * stopped like any other. Of a machine that is off every failure is one of the run.
   */
  async #converge(run: Run, on: BackendInstance | undefined): Promise<Observation<'instance'>> {
    const { document, context, driver, want } = run
    if (!on) checkConnections(document, context.state)
    const ensured = await this.#attempt(run, on, () => driver.ensure(want, context.signal))
    if (ensured.instance.volumes) context.listed(ensured.instance.volumes)
    const powered = await this.#power(run, ensured)
    const { record } = powered
    let last: Step = powered
    const staysOn = document.spec.runState === 'Running' || document.spec.runState === 'Paused'
    if (staysOn && isPoweredOn(last.instance.power) && !last.instance.unresponsive && !last.instance.startLimitMs) {
      const plugged = await this.#plug(run, last.instance)
      last = { instance: plugged.instance, trouble: last.trouble ?? plugged.trouble }
    }
    const retryAfterMs = powered.retryAfterMs ?? this.#retryAfter(document, last)
    return toObservation(document, context.state, {
      ...{ instance: last.instance, trouble: last.trouble },
      ...{ record, retryAfterMs, driver: driver.name },
    })
  }

  /** From the first call on until one is known to be over, the machine may have all of them: also when nobody waits any more. */
  async #plug(run: Run, before: BackendInstance): Promise<Step> {
    const { document, context, driver, want } = run
    const both = (has: readonly string[] = []) => [...new Set([...has, ...want.volumes.map(({ uid }) => uid)])]
    const plug = async (): Promise<BackendInstance> => {
      checkConnections(document, context.state)
      context.listed(both(before.volumes))
      return driver.ensureVolumes(want, context.signal)
    }
    const { instance, trouble } = await this.#attempt(run, before, plug, 'beside')
    const isUnderWay = trouble instanceof TransientError && UNDER_WAY.has(trouble.reason)
    return {
      instance: isUnderWay ? { ...instance, volumes: both(instance.volumes ?? before.volumes) } : instance,
      trouble,
    }
  }

  async #power(run: Run, start: Step): Promise<Step & { record: PowerRecord; retryAfterMs: number | undefined }> {
    const { document, context, driver } = run
    const { uid, spec } = document
    const { signal, log, bootId, grantedBootId } = context
    let { instance, trouble } = start
    let record = await this.#store.read(uid)
    let retryAfterMs: number | undefined
    for (let step = 0; step < MAX_POWER_STEPS; step++) {
      // Asked for only where it matters: a guest that is in memory was not stopped by anybody.
      const hostStopping = !isPoweredOn(instance.power) && (await this.#options.isHostStopping(signal))
      const nowMs = await this.#now()
      const decision = decidePower({ spec, bootId, grantedBootId, hostStopping, instance, record, nowMs })
      // The intent first: a kill between the two must not look like a guest that went off by itself.
      await this.#store.write(uid, record, decision.record)
      record = decision.record
      retryAfterMs = decision.retryAfterMs
      const { action } = decision
      if (action === undefined) break
      const startedAt = performance.now()
      const wasOn = isPoweredOn(instance.power) ? instance : undefined
      const done = await this.#attempt(run, wasOn, async () => {
        await driver.setPower(uid, action, signal)
        return getInstance(driver, uid, signal)
      })
      instance = done.instance
      if (done.trouble !== undefined) {
        trouble ??= done.trouble
        break
      }
      const known = afterAction(record, action, await this.#now())
      await this.#store.write(uid, record, known)
      record = known
      log.info({ action, durationMs: Math.round(performance.now() - startedAt) }, 'power changed')
      if (decision.retryAfterMs !== undefined) break
    }
    return { instance, trouble, record, retryAfterMs }
  }

  /**
   * A step about a machine that is on does not end the run when it fails, unless it is the authority that is refused.
   * @param on as it was before; undefined for one that is off: then a failure is thrown
   * @param kind `beside`: what even a refusal for good says nothing about the machine itself
   */
  async #attempt(
    { document, context, driver }: Run,
    on: BackendInstance | undefined,
    step: () => Promise<BackendInstance>,
    kind: 'machine' | 'beside' = 'machine',
  ): Promise<Step> {
    try {
      return { instance: await step() }
    } catch (error) {
      context.signal.throwIfAborted()
      if (!on || (kind === 'machine' && isTerminal(error))) throw error
      context.log.warn({ err: error }, 'left undone on a machine that is on')
      // What was done of it is told, and not what was before.
      return { instance: (await driver.find(document.uid, context.signal)) ?? on, trouble: error }
    }
  }

  async #now(): Promise<number> {
    return (this.#options.nowMs ?? Date.now)()
  }

  #retryAfter(document: InstanceDocument, { instance, trouble }: Step): number | undefined {
    const isLeaving = isPoweredOn(instance.power) && listLeaving(document, instance).length > 0
    const isTransient = trouble !== undefined && !isTerminal(trouble)
    // One that hangs, or that nobody could ask.
    const isUnknown = isPoweredOn(instance.power) && instance.volumes === undefined
    if (!isTransient && !isLeaving && !isUnknown) {
      this.#attempts.delete(document.uid)
      return undefined
    }
    const attempts = this.#attempts.get(document.uid) ?? 0
    this.#attempts.set(document.uid, attempts + 1)
    const [firstMs, maxMs] = isTransient ? [TROUBLE_FIRST_MS, TROUBLE_MAX_MS] : [DETACH_FIRST_MS, DETACH_MAX_MS]
    return Math.min(maxMs, firstMs * 2 ** Math.min(attempts, 20))
  }

  /** As it was told, not as the hypervisor has it: known also while that is away, and before the machine is there. */
  standingFacts(document: InstanceDocument, state: NodeState): ObservedFacts {
    const nics = findPorts(document, state).map(toObservedNic)
    return nics.length === 0 ? {} : { nics }
  }

  async remove(tombstone: Tombstone, context: RunContext): Promise<Observation<'instance'>> {
    await this.#getDriver().remove(tombstone.uid, context.signal)
    this.#attempts.delete(tombstone.uid)
    return { state: 'gone' }
  }

  async listOwned(signal: AbortSignal): Promise<Orphan[]> {
    return (await this.#getDriver().list(signal)).map((found) => ({ kind: 'instance', ...found }))
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
}

async function getInstance(driver: InstanceDriver, uid: string, signal: AbortSignal): Promise<BackendInstance> {
  const instance = await driver.find(uid, signal)
  if (!instance) throw new TransientError('DomainVanished', 'the machine disappeared from the hypervisor')
  return instance
}
