// SPDX-License-Identifier: Apache-2.0
import type { InstanceDocument, ObservedFacts, Orphan, Tombstone } from '../../lib/contract/documents.ts'
import { isTerminal, TransientError } from '../../lib/errors.ts'
import type { RoleContext } from '../node/role.ts'
import type { SealingKey } from '../node/sealing-key.ts'
import type { DocumentRef, KindReconciler, NodeState, Observation, RunContext, Wake } from '../runtime/reconciler.ts'
import { ActionReports } from './action-reports.ts'
import { checkCapacity, type ReadCapacity } from './capacity.ts'
import type { Consoles } from './consoles/consoles.ts'
import type { HostStopping } from './host-stopping.ts'
import { isPoweredOn, type BackendInstance, type InstanceDriver, type InstanceWant } from './instance-driver.ts'
import { InstanceSteps } from './instance-steps.ts'
import type { Run, Step } from './machine-run.ts'
import { findUnderWay } from './machine-action.ts'
import { toObservedNic } from './nics.ts'
import { describeTrouble, listLeaving, listLeavingPorts, listStages, toObservation } from './observation.ts'
import type { ComputePaths } from './paths.ts'
import { filePowerStore, type PowerStore } from './power-store.ts'
import type { RootDisk } from './root-disk.ts'
import { rootDiskOf } from './which-root-disk.ts'
import { checkConnections, findPorts, findWaiting, toInstanceWant, type ConfigDriveFiles } from './want.ts'

/** The driver is named in the node's own document, which comes a little after the role is created. */
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
  /** Opens what is sealed for the node; absent: machines are given no passwords. */
  sealing?: Pick<SealingKey, 'open'>
  /** Absent: copies of root disks are handed to nobody. */
  imageServer?: RoleContext['imageServer']
  /** Absent: nobody opens a console. */
  consoles?: Pick<Consoles, 'allow' | 'forget' | 'observe' | 'onChange'>
  /** Files below `paths` when absent. */
  powerStore?: PowerStore
  /** A steady clock: setting the host's clock must not shorten a guest's time to shut down. */
  nowMs?: () => number | Promise<number>
}

/** A stage is reported only when it lasts longer than this. */
const REPORT_AFTER_MS = 1_000
/** For failures on a machine that is on: retried with growing delays; hypervisor events trigger runs in between. */
const TROUBLE_FIRST_MS = 2_000
const TROUBLE_MAX_MS = 300_000
/** Guests take a while to release a disk, and an event reports it; this is for guests that missed the request and for lost events. */
const DETACH_FIRST_MS = 5_000
const DETACH_MAX_MS = 60_000
/** Events trigger runs at once; this catches those that were missed. */
const RESYNC_MS = 300_000

export class InstanceReconciler implements KindReconciler<'instance'> {
  readonly kind = 'instance'
  readonly #options: InstanceReconcilerOptions
  readonly #store: ActionReports
  readonly #steps: InstanceSteps
  #wake: Wake | undefined
  /** Consecutive runs that left something undone on a machine that is on. */
  readonly #attempts = new Map<string, number>()

  constructor(options: InstanceReconcilerOptions) {
    this.#options = options
    this.#store = new ActionReports(options.powerStore ?? filePowerStore(options.paths))
    const { isHostStopping, nowMs, sealing } = options
    this.#steps = new InstanceSteps({
      ...{ store: this.#store, isHostStopping, nowMs, sealing },
      readCapacity: options.readCapacity,
      imageServer: options.imageServer,
      wake: (uid) => this.#wake?.one(uid),
    })
    this.#store.progressOf = (uid) => this.#steps.snapshots.progressOf(uid)
  }

  dependencies({ spec }: InstanceDocument): readonly DocumentRef[] {
    const next = (spec.action?.rebuild ?? spec.action?.rescue)?.image.uid
    const rescue = spec.rescue?.image.uid
    return [
      { kind: 'image', uid: spec.image.uid },
      ...[next, rescue].flatMap((uid) => (uid === undefined ? [] : [{ kind: 'image', uid } as const])),
      ...spec.ports.map(({ uid }) => ({ kind: 'port', uid }) as const),
      ...spec.volumes.map(({ uid }) => ({ kind: 'volume', uid }) as const),
    ]
  }

  async reconcile(document: InstanceDocument, context: RunContext): Promise<Observation<'instance'>> {
    const { state, signal } = context
    await this.#options.consoles?.allow(document)
    const driver = this.#getDriver()
    const found = await driver.find(document.uid, signal)
    // When its volumes are unknown, nothing is listed: the last report stands.
    if (!found) context.listed([])
    else if (found.volumes) context.listed(found.volumes)
    const isOn = found !== undefined && isPoweredOn(found.power)
    const record = await this.#steps.recall(document, found)
    const root = rootDiskOf(record, document.spec)
    if (!isOn) {
      const waiting = findWaiting(document, state, root)
      if (waiting && !(found && document.spec.runState === 'Stopped')) {
        const error = { ...waiting, terminal: false }
        const retryAfterMs = await this.#steps.actUnpowered(document, context, driver, {
          ...waiting,
          isTerminal: false,
        })
        const facts = { stages: listStages(document, state, undefined, root.image.uid) }
        return { state: 'waiting', facts, error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
      }
    }
    // A machine that was started here keeps its place even when the hypervisor has lost it: a refusal would make the operator place it
    // elsewhere and have its disks removed here.
    if (!found && record.phase === 'new') {
      await checkCapacity(document, context, this.#options.readCapacity)
    }
    const report = (): void =>
      context.report({ state: 'building', facts: { stages: listStages(document, state, found, root.image.uid) } })
    // A machine that is on is never reported as building, however long its run takes.
    const building = isOn ? undefined : setTimeout(report, REPORT_AFTER_MS)
    try {
      const { configDriveFiles } = this.#options
      const wantWith = (disk: RootDisk): InstanceWant =>
        toInstanceWant(document, findPorts(document, state), state, configDriveFiles, disk)
      const run: Run = { document, context, driver, want: wantWith(root), wantWith }
      // What it is defined with has to do no more, and need not be there.
      const isMaking = !isOn && findUnderWay(record)?.stage === 'rebuilding'
      return await this.#converge(run, isOn ? found : undefined, isMaking ? found : undefined)
    } catch (error) {
      signal.throwIfAborted()
      const { reason, message, terminal } = describeTrouble(error)
      const trouble = { reason, message, isTerminal: terminal }
      const lookAgainMs = await this.#steps.actUnpowered(document, context, driver, trouble)
      // It has to say in time that it was not done, however long the back-off is by now.
      if (lookAgainMs !== undefined) context.runAgainWithin(lookAgainMs)
      throw error
    } finally {
      clearTimeout(building)
    }
  }

  /**
   * Power before volumes and interfaces, each independent of the other's failure: a machine whose disk cannot be attached, or whose QEMU hangs, can still
   * be stopped. For a machine that is off every failure fails the run.
   * @param asItIs a machine that is off and is not to be set up now
   */
  async #converge(
    run: Run,
    on: BackendInstance | undefined,
    asItIs: BackendInstance | undefined,
  ): Promise<Observation<'instance'>> {
    const { document, context, driver, want } = run
    if (!on) checkConnections(document, context.state)
    const ensured = asItIs
      ? { instance: asItIs }
      : await this.#steps.attempt(run, on, () => driver.ensure(want, context.signal))
    if (ensured.instance.volumes) context.listed(ensured.instance.volumes)
    const powered = await this.#steps.power(run, ensured)
    const { record } = powered
    let last: Step = powered
    const staysOn = document.spec.runState === 'Running' || document.spec.runState === 'Paused'
    if (staysOn && isPoweredOn(last.instance.power) && !last.instance.unresponsive && !last.instance.startLimitMs) {
      const attached = await this.#steps.attachVolumes(run, last.instance)
      const plugged = await this.#steps.plugNics(run, attached.instance)
      last = { instance: plugged.instance, trouble: last.trouble ?? attached.trouble ?? plugged.trouble }
    }
    const retryAfterMs = powered.retryAfterMs ?? this.#retryAfter(document, last)
    return toObservation(document, context.state, {
      ...{ instance: last.instance, trouble: last.trouble },
      ...{ record, retryAfterMs, driver: driver.name },
    })
  }

  #retryAfter(document: InstanceDocument, { instance, trouble }: Step): number | undefined {
    const leaving = [...listLeaving(document, instance), ...listLeavingPorts(document, instance)]
    const isLeaving = isPoweredOn(instance.power) && leaving.length > 0
    const isTransient = trouble !== undefined && !isTerminal(trouble)
    // It hangs, or could not be asked.
    const isUnknown = isPoweredOn(instance.power) && (instance.volumes === undefined || instance.ports === undefined)
    if (!isTransient && !isLeaving && !isUnknown) {
      this.#attempts.delete(document.uid)
      return undefined
    }
    const attempts = this.#attempts.get(document.uid) ?? 0
    this.#attempts.set(document.uid, attempts + 1)
    const [firstMs, maxMs] = isTransient ? [TROUBLE_FIRST_MS, TROUBLE_MAX_MS] : [DETACH_FIRST_MS, DETACH_MAX_MS]
    return Math.min(maxMs, firstMs * 2 ** Math.min(attempts, 20))
  }

  /** From the port documents and the record, not from the hypervisor: known also while libvirt is down and before the machine exists. */
  standingFacts(document: InstanceDocument, state: NodeState): ObservedFacts {
    const nics = findPorts(document, state).map(toObservedNic)
    const consoles = this.#options.consoles?.observe(document) ?? []
    return {
      ...(nics.length === 0 ? {} : { nics }),
      ...this.#store.find(document),
      ...(consoles.length === 0 ? {} : { consoles }),
    }
  }

  async remove(tombstone: Tombstone, context: RunContext): Promise<Observation<'instance'>> {
    await this.#options.consoles?.forget(tombstone.uid)
    await this.#steps.snapshots.forget(tombstone.uid)
    await this.#getDriver().remove(tombstone.uid, context.signal)
    this.#attempts.delete(tombstone.uid)
    this.#store.forget(tombstone.uid)
    return { state: 'gone' }
  }

  async listOwned(signal: AbortSignal): Promise<Orphan[]> {
    return (await this.#getDriver().list(signal)).map((found) => ({ kind: 'instance', ...found }))
  }

  async start(wake: Wake, signal: AbortSignal): Promise<void> {
    this.#wake = wake
    const listener = { changed: (uid: string) => wake.one(uid), resync: () => wake.all() }
    if (this.#options.consoles) this.#options.consoles.onChange = (uid) => wake.one(uid)
    // Runs in the background for as long as the role lives; starts once there is a driver.
    void this.#options.driver.ready.then((driver) => driver.watch(listener, signal))
    const timer = setInterval(() => wake.all(), RESYNC_MS)
    timer.unref()
    const end = (): void => {
      clearInterval(timer)
      void this.stop()
    }
    signal.addEventListener('abort', end, { once: true })
  }

  /** Before its driver is closed: what a copy of a disk has begun comes to its end. */
  async stop(): Promise<void> {
    await this.#steps.snapshots.stop()
  }

  #getDriver(): InstanceDriver {
    const driver = this.#options.driver.current()
    if (!driver) throw new TransientError('RoleNotReady', 'the node does not know yet which hypervisor to use')
    return driver
  }
}
