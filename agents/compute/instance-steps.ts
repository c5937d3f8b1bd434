// SPDX-License-Identifier: Apache-2.0
// The steps that bring one machine to its wanted state, each of which may fail without the others.
import type { InstanceDocument } from '../../lib/contract/documents.ts'
import { isTerminal, TransientError } from '../../lib/errors.ts'
import { passwordUse } from '../../lib/contract/documents.ts'
import { USER_NAME } from '../../lib/contract/guest-password.ts'
import type { SealingKey } from '../node/sealing-key.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import type { ReadCapacity } from './capacity.ts'
import type { HostStopping } from './host-stopping.ts'
import { isPoweredOn, type BackendInstance, type InstanceDriver } from './instance-driver.ts'
import type { Run, Step } from './machine-run.ts'
import type { Deed } from './action-record.ts'
import { afterDeed, findUnderWay, takeActionUnpowered, type ActionTrouble } from './machine-action.ts'
import { describeTrouble } from './observation.ts'
import { afterAction, decidePower } from './power.ts'
import type { PowerRecord } from './power-record.ts'
import type { PowerStore } from './power-store.ts'
import { RebuildSteps } from './rebuild-steps.ts'
import { SnapshotSteps, type SnapshotStepsOptions } from './snapshot-steps.ts'
import { recovered } from './which-root-disk.ts'
import { checkConnections } from './want.ts'

/** After these errors the call goes on in the hypervisor, and may still succeed. */
const UNDER_WAY = new Set(['MachineUnresponsive', 'HypervisorUnreachable', 'GuestAgentTimeout'])
/** wake, start and pause; or save and what follows; the limit rules out endless loops */
const MAX_POWER_STEPS = 3
/** A machine whose disks were made is defined with them by another run before it starts. */
const SOON_MS = 1

const isUnderWay = (trouble: unknown): boolean => trouble instanceof TransientError && UNDER_WAY.has(trouble.reason)

export interface InstanceStepsOptions {
  store: PowerStore
  isHostStopping: HostStopping
  /** Opens what is sealed for the node. */
  sealing?: Pick<SealingKey, 'open'> | undefined
  /** A steady clock: setting the host's clock must not shorten a guest's time to shut down. */
  nowMs?: (() => number | Promise<number>) | undefined
  readCapacity: ReadCapacity
  /** Absent: copies of root disks are handed to nobody. */
  imageServer?: SnapshotStepsOptions['server']
  wake: (uid: string) => void
}

export class InstanceSteps {
  readonly snapshots: SnapshotSteps
  readonly #options: InstanceStepsOptions
  readonly #rebuilds: RebuildSteps

  constructor(options: InstanceStepsOptions) {
    this.#options = options
    const { store, readCapacity, imageServer: server, wake } = options
    this.snapshots = new SnapshotSteps({ store, readCapacity, server, wake })
    this.#rebuilds = new RebuildSteps({ ...options, now: () => this.#now() })
  }

  /**
   * From the first attach call until it is known to be over, the machine may have any of these volumes, even when no caller waits any more.
   */
  async attachVolumes(run: Run, before: BackendInstance): Promise<Step> {
    const { document, context, driver, want } = run
    const both = (has: readonly string[] = []) => [...new Set([...has, ...want.volumes.map(({ uid }) => uid)])]
    const attach = async (): Promise<BackendInstance> => {
      checkConnections(document, context.state)
      context.listed(both(before.volumes))
      return driver.ensureVolumes(want, context.signal)
    }
    const { instance, trouble } = await this.attempt(run, before, attach, 'beside')
    return {
      instance: isUnderWay(trouble) ? { ...instance, volumes: both(instance.volumes ?? before.volumes) } : instance,
      trouble,
    }
  }

  /** After an answer that did not come in time nobody knows which interfaces it has. */
  async plugNics(run: Run, before: BackendInstance): Promise<Step> {
    const { driver, want, context } = run
    const plug = (): Promise<BackendInstance> => driver.ensureNics(want, context.signal)
    const { instance, trouble } = await this.attempt(run, before, plug, 'beside')
    const ports = isUnderWay(trouble) ? undefined : instance.ports
    return { instance: { ...instance, ports, volumes: before.volumes }, trouble }
  }

  async power(run: Run, start: Step): Promise<Step & { record: PowerRecord; retryAfterMs: number | undefined }> {
    const { document, context, driver } = run
    const { uid, spec } = document
    const { signal, log, bootId, grantedBootId } = context
    let { instance, trouble } = start
    let record = await this.#options.store.read(uid)
    let retryAfterMs: number | undefined
    for (let step = 0; step < MAX_POWER_STEPS; step++) {
      // Asked only where it matters: a guest that is in memory has not been stopped by the host.
      const hostStopping = !isPoweredOn(instance.power) && (await this.#options.isHostStopping(signal))
      const nowMs = await this.#now()
      const rebuild = await this.#rebuilds.see(document, context, record)
      this.snapshots.takeTurn(record)
      const capture = this.snapshots.see(record)
      const decision = decidePower({
        spec,
        bootId,
        grantedBootId,
        hostStopping,
        instance,
        record,
        nowMs,
        rebuild,
        capture,
      })
      // The intent is stored first: after a kill between the two, the machine must not look like one that went off by itself.
      await this.#options.store.write(uid, record, decision.record)
      record = decision.record
      retryAfterMs = decision.retryAfterMs
      const { action, deed } = decision
      if (decision.capture) {
        this.snapshots.start(run, decision.capture, record)
        continue
      }
      if (deed !== undefined) {
        const after = await this.#doOnce(run, deed, record)
        await this.#options.store.write(uid, record, after)
        record = after
        instance = await getInstance(driver, uid, signal)
        continue
      }
      if (decision.make) {
        const after = await this.#rebuilds.makeDisks(run, decision.make, record)
        await this.#options.store.write(uid, record, after)
        record = after
        retryAfterMs = SOON_MS
        break
      }
      if (action === undefined) break
      const startedAt = performance.now()
      const wasOn = isPoweredOn(instance.power) ? instance : undefined
      const done = await this.attempt(run, wasOn, async () => {
        await driver.setPower(uid, action, signal)
        return getInstance(driver, uid, signal)
      })
      instance = done.instance
      if (done.trouble !== undefined) {
        trouble ??= done.trouble
        break
      }
      const known = afterAction(record, action, await this.#now())
      await this.#options.store.write(uid, record, known)
      record = known
      log.info({ action, durationMs: Math.round(performance.now() - startedAt) }, 'power changed')
      if (decision.retryAfterMs !== undefined) break
    }
    record = await this.#rebuilds.dropSpareDisks(run, record, instance)
    record = await this.snapshots.tidy(run, record)
    return { instance, trouble, record, retryAfterMs }
  }

  /** What the node remembers of it. @param found as it is, if it is there */
  async recall({ uid, spec }: InstanceDocument, found: BackendInstance | undefined): Promise<PowerRecord> {
    const read = await this.#options.store.read(uid)
    const record = recovered(read, found, spec)
    if (record !== read) await this.#options.store.write(uid, read, record)
    return record
  }

  /**
   * Of a run that ended before the power of its machine: what is to be done to it comes to its end all the same. Best effort: the run has
   * failed anyway, and the next one does it again.
   * @returns after how long to look again
   */
  async actUnpowered(
    document: InstanceDocument,
    { bootId, log, signal, state }: RunContext,
    driver: InstanceDriver,
    trouble: ActionTrouble,
  ): Promise<number | undefined> {
    const { uid, spec } = document
    const { store, isHostStopping } = this.#options
    try {
      const record = await store.read(uid)
      if (!spec.action && !findUnderWay(record)) return undefined
      const instance = (await driver.find(uid, signal)) ?? { power: 'off' as const, ioError: false }
      const hostStopping = !isPoweredOn(instance.power) && (await isHostStopping(signal))
      const rebuild = await this.#rebuilds.see(document, { state }, record)
      this.snapshots.takeTurn(record)
      const capture = this.snapshots.see(record)
      const seen = { spec, bootId, hostStopping, instance, record, nowMs: await this.#now(), rebuild, capture }
      const turn = takeActionUnpowered(seen, trouble)
      await store.write(uid, record, turn.record)
      return turn.lookAgainMs
    } catch (error) {
      log.warn({ err: error }, 'what is done to the machine could not be looked at')
      return undefined
    }
  }

  /** Never tried again: a call that was not answered may have been carried out. */
  async #doOnce({ document, context, driver }: Run, deed: Deed, record: PowerRecord): Promise<PowerRecord> {
    const { signal, log } = context
    try {
      if (deed === 'setAdminPassword') await this.#setPassword({ document, context, driver })
      else await driver.act(document.uid, deed, signal)
      log.info({ deed }, 'done to the machine')
      return afterDeed(record, undefined, await this.#now())
    } catch (error) {
      signal.throwIfAborted()
      log.warn({ err: error, deed }, 'a deed failed')
      const { reason, message } = describeTrouble(error)
      const isKnown = !isUnderWay(error) && (error instanceof TransientError || isTerminal(error))
      return afterDeed(record, { isKnown, reason, message }, await this.#now())
    }
  }

  async #setPassword({ document: { uid, spec }, context, driver }: Omit<Run, 'want' | 'wantWith'>): Promise<void> {
    const { action } = spec
    if (action?.sealedPassword === undefined)
      throw new TransientError('PasswordMissing', 'the node was told of no password: make a new InstanceAction')
    const { sealing } = this.#options
    if (!sealing) throw new TransientError('SealedForAnotherKey', 'this agent has no key to open a password with')
    const password = await sealing.open(action.sealedPassword, { uid, ...passwordUse(action.uid) })
    const userName = action.userName ?? adminOf(spec.image.properties)
    await driver.setPassword(uid, { userName, password }, context.signal)
  }

  /**
   * A failed step on a machine that is on does not fail the run, unless the machine itself is refused for good.
   * @param on the state before the step; undefined for a machine that is off: then failures are thrown
   * @param kind `beside`: a step whose terminal error says nothing about the machine itself
   */
  async attempt(
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
      context.log.warn({ err: error }, 'a step failed on a machine that is on')
      // Reports the state after the partial step, not the one before.
      return { instance: (await driver.find(document.uid, context.signal)) ?? on, trouble: error }
    }
  }

  async #now(): Promise<number> {
    return (this.#options.nowMs ?? Date.now)()
  }
}

/** As Nova's libvirt driver: https://docs.openstack.org/glance/latest/admin/useful-image-properties.html */
function adminOf({ os_admin_user: named, os_type: type }: InstanceDocument['spec']['image']['properties']): string {
  if (named !== undefined && USER_NAME.test(named)) return named
  return type === 'windows' ? 'Administrator' : 'root'
}

async function getInstance(driver: InstanceDriver, uid: string, signal: AbortSignal): Promise<BackendInstance> {
  const instance = await driver.find(uid, signal)
  if (!instance) throw new TransientError('DomainVanished', 'the machine disappeared from the hypervisor')
  return instance
}
