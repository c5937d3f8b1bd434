// SPDX-License-Identifier: Apache-2.0
// The report on a machine, from the hypervisor's state and from what failed. Pure.
import type { InstanceDocument, ObservedError, ObservedFacts } from '../../lib/contract/documents.ts'
import { isTerminal, TransientError } from '../../lib/errors.ts'
import type { NodeState, Observation } from '../runtime/reconciler.ts'
import { isPoweredOn, type BackendInstance } from './instance-driver.ts'
import { findUnderWay } from './machine-action.ts'
import type { PowerRecord } from './power-record.ts'

const GIB = 2 ** 30

export interface Converged {
  instance: BackendInstance
  record: PowerRecord
  retryAfterMs: number | undefined
  driver: string
  /** What failed while the machine is on: reported beside its state. */
  trouble: unknown
}

type Stage = NonNullable<ObservedFacts['stages']>[number]

export function toObservation(document: InstanceDocument, state: NodeState, now: Converged): Observation<'instance'> {
  const { instance, record, driver, retryAfterMs } = now
  const changes = instance.power === 'off' ? [] : pendingChanges(document, instance)
  const because = instance.power === 'off' && record.because !== 'Requested' ? record.because : undefined
  const facts: ObservedFacts = {
    stages: listStages(document, state, instance),
    hypervisor: driver,
    // Left out when unknown: an empty list would let the operator hand the volumes to others.
    ...(instance.volumes === undefined ? {} : { volumesAttached: instance.volumes }),
    ...(instance.ports === undefined ? {} : { portsAttached: instance.ports }),
    ...(instance.vcpus === undefined ? {} : { vcpus: instance.vcpus }),
    ...(instance.memoryMiB === undefined ? {} : { memoryMiB: instance.memoryMiB }),
    ...(instance.rootBytes === undefined ? {} : { rootDiskGiB: Math.floor(instance.rootBytes / GIB) }),
    ...(changes.length === 0 ? {} : { pendingChanges: changes }),
    ...(because === undefined ? {} : { stoppedBecause: because }),
    restarts: record.restarts ?? 0,
    ...(record.restartedAfter === undefined ? {} : { restartedAfter: record.restartedAfter }),
    ...(record.startedAtMs === undefined ? {} : { startedAt: new Date(record.startedAtMs).toISOString() }),
  }
  const error = toError(document, now)
  return {
    state: toState(instance, because, isActedOn(record)),
    facts,
    ...(error === undefined ? {} : { error }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/** Volumes that are attached but no longer wanted. */
export function listLeaving({ spec }: InstanceDocument, instance: BackendInstance): string[] {
  const wanted = new Set(spec.volumes.map((volume) => volume.uid))
  return (instance.volumes ?? []).filter((uid) => !wanted.has(uid))
}

/** Ports whose interfaces it has and should not have. */
export function listLeavingPorts({ spec }: InstanceDocument, instance: BackendInstance): string[] {
  const wanted = new Set(spec.ports.map((port) => port.uid))
  return (instance.ports ?? []).filter((uid) => !wanted.has(uid))
}

function toError(
  document: InstanceDocument,
  { instance, trouble, record, retryAfterMs }: Converged,
): ObservedError | undefined {
  if (trouble !== undefined) return describeTrouble(trouble)
  const transient = (reason: string, message: string): ObservedError => ({ reason, message, terminal: false })
  if (instance.unresponsive) {
    const message = 'QEMU of the machine does not answer; deleting or stopping the machine ends it by force'
    return transient('MachineUnresponsive', message)
  }
  if (instance.ioError) return transient('DiskError', 'the machine is paused: one of its disks fails')
  if (isPoweredOn(instance.power) && listLeaving(document, instance).length > 0) {
    const when = instance.power === 'running' ? 'a guest that boots does so later' : 'it does so when it runs'
    return transient('VolumeDetaching', `the guest has not released a volume yet: ${when}`)
  }
  if (isPoweredOn(instance.power) && listLeavingPorts(document, instance).length > 0) {
    const message =
      instance.power === 'running'
        ? 'the guest has not let go of an interface yet: it is asked again'
        : 'an interface is unplugged when the machine runs'
    return transient('InterfaceDetaching', message)
  }
  if (instance.power === 'off' && retryAfterMs !== undefined && record.ends > 0) {
    const message = `the machine ended by itself ${record.ends} times in a row (${record.because ?? 'unknown'}): it is started again after a pause that doubles, up to five minutes; its console log may say why`
    return transient('RestartBackOff', message)
  }
  return undefined
}

/** What failed, for people. */
export function describeTrouble(trouble: unknown): ObservedError {
  if (isTerminal(trouble)) return { reason: trouble.reason, message: trouble.message, terminal: true }
  if (trouble instanceof TransientError) return { reason: trouble.reason, message: trouble.message, terminal: false }
  const message = 'the agent failed on this machine and tries again; its log says why'
  return { reason: 'AgentError', message, terminal: false }
}

/** A copy of its disk is taken beside what it does. */
function isActedOn(record: PowerRecord): boolean {
  const stage = findUnderWay(record)?.stage
  return stage !== undefined && stage !== 'capturing'
}

/** @param isActedOn it is off only on its way to being on again */
function toState(
  instance: BackendInstance,
  because: PowerRecord['because'],
  isActedOn: boolean,
): Observation<'instance'>['state'] {
  if (instance.startLimitMs !== undefined || (isActedOn && instance.power === 'off')) return 'building'
  switch (instance.power) {
    case 'running':
      return 'running'
    case 'paused':
    case 'sleeping':
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
    ...(spec.vcpus === (instance.vcpus ?? spec.vcpus) ? [] : ['vcpus']),
    ...(spec.memoryMiB === (instance.memoryMiB ?? spec.memoryMiB) ? [] : ['memoryMiB']),
  ]
}

/** ImageCached or nothing: the operator reads the other stages from the power and from the reports on ports and volumes. */
export function listStages(
  { spec }: InstanceDocument,
  state: NodeState,
  instance: BackendInstance | undefined,
  imageUid = spec.image.uid,
): Stage[] {
  const isOn = instance !== undefined && isPoweredOn(instance.power) && instance.startLimitMs === undefined
  // A disk that was made from another one has that.
  const isThere = imageUid !== spec.image.uid || state.findObserved('image', imageUid)?.state === 'ready'
  return isOn || isThere ? ['ImageCached'] : []
}
