// SPDX-License-Identifier: Apache-2.0
import type { Instance, Volume } from '../../../lib/api/types.ts'
import type { InstanceSpec } from '../../../lib/contract/documents.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { resolve } from '../../kind/resolve.ts'
import type { NamedRef } from '../../kind/row.ts'
import { volume as volumeOfMachine } from './kind.ts'
import type { InstanceDeps } from './deps.ts'
import { toConnection } from './volume-connection.ts'

export type GivenVolume = InstanceSpec['volumes'][number]

export interface ResolvedVolumes {
  /** In the order of the spec. */
  volumes: GivenVolume[]
  /** Why the first volume of the spec that does not resolve does not. */
  unresolved?: Outcome
  /** The machine may have in hand a volume that cannot go into a document now: a document without it would take it from the guest. */
  mustWait: boolean
}

type VolumeDeps = Pick<InstanceDeps, 'caches' | 'bus' | 'writer'>

/**
 * Step 11 of the flow. The volume controller decides who has a volume, and the volume's node opens the export to this machine's node. The
 * connection goes into the machine's document only after that node has confirmed it under the decision's epoch. A volume that does not
 * resolve keeps nothing else from the machine (docs/decisions/0014):
 *
 * | the volume                                              | goes into the document        |
 * |---------------------------------------------------------|-------------------------------|
 * | is the machine's, and served                            | yes                           |
 * | belongs to another machine                              | no, whatever was published    |
 * | is in the published document, and does not resolve now  | as it was published           |
 * | may be in the guest's hands, and none of this           | there is no new document now  |
 * | is not there, or not served yet                         | not yet                       |
 *
 * Call it right before the document is published, with no await in between. Pure.
 * @param given the volumes of the published document; undefined if there is none: then all must resolve
 */
export function resolveVolumes(
  instance: Instance,
  given: readonly GivenVolume[] | undefined,
  deps: VolumeDeps,
): ResolvedVolumes {
  const resolved: ResolvedVolumes = { volumes: [], mustWait: false }
  for (const named of volumeOfMachine.refs(instance)) {
    const { ref: volumeRef } = named
    const found = resolveVolume(instance, named, deps)
    if (found.kind === 'resolved') {
      resolved.volumes.push(found.volume)
      continue
    }
    resolved.unresolved ??= found.outcome
    if (found.kind === 'foreign') {
      resolved.mustWait ||= given === undefined
      continue
    }
    const kept = given?.find(({ uid, name }) => name === volumeRef.name && (found.uid ?? uid) === uid)
    if (kept) resolved.volumes.push(kept)
    else if (!given || (found.uid !== undefined && mayHave(instance, found.uid, deps))) resolved.mustWait = true
  }
  return resolved
}

type Resolution =
  | { kind: 'resolved'; volume: GivenVolume }
  /** Another machine's. */
  | { kind: 'foreign'; outcome: Outcome }
  | { kind: 'unresolved'; outcome: Outcome; uid: string | undefined }

function resolveVolume(instance: Instance, named: NamedRef, deps: VolumeDeps): Resolution {
  const { ref, field } = named
  const found = resolve({ ...volumeOfMachine, isKept: () => true }, instance, named, deps.caches)
  if (!found.ok) return { kind: 'unresolved', outcome: found.outcome, uid: undefined }
  const volume = found.object
  const { uid } = volume.metadata
  const { attachedTo, node } = volume.status ?? {}
  if (attachedTo && attachedTo.uid !== instance.metadata.uid) {
    const message = `Volume ${ref.name} in ${field} is attached to Instance ${attachedTo.name}`
    return { kind: 'foreign', outcome: waitFor('VolumeInUse', message) }
  }
  const notReady = (message: string): Resolution => ({
    kind: 'unresolved',
    outcome: waitFor('VolumeNotReady', message),
    uid,
  })
  if (!attachedTo || attachedTo.node !== instance.status?.node || node === undefined)
    return notReady(`waiting for Volume ${ref.name}${reasonOf(volume)}`)
  // The epoch says who has the volume; one that is still growing can be used.
  const asked = { ...askedOf(volume, volume.status?.epoch, deps.writer()), generation: 0 }
  const report = answerOf(deps.bus.observed.find('volume', uid, node), asked)
  if (report?.state !== 'available') return notReady(`waiting for node ${node} to export Volume ${ref.name}`)
  const server = deps.caches.computeNodes.find(undefined, node)
  const pool = deps.caches.storagePools.find(undefined, volume.status?.pool ?? '')
  const choice = toConnection({ volume, report, server, pool, client: attachedTo.node ?? '' })
  if (!choice.ok) return notReady(choice.why)
  const { sizeGiB } = report.facts
  const { connection } = choice
  return {
    kind: 'resolved',
    volume: { uid, name: volume.metadata.name, connection, ...(sizeGiB === undefined ? {} : { sizeGiB }) },
  }
}

/** The machine was told to attach the volume, or its node reports it attached. */
function mayHave(instance: Instance, volume: string, { bus }: VolumeDeps): boolean {
  const isSame = ({ uid, node }: { uid: string; node: string }) =>
    uid === instance.metadata.uid && node === instance.status?.node
  return bus.desired.listWithVolume(volume).some(isSame) || bus.observed.listWithVolume(volume).some(isSame)
}

function reasonOf(volume: Volume): string {
  const ready = volume.status?.conditions?.find((c) => c.type === 'Ready')
  return ready && ready.status !== 'True' ? `: ${ready.reason}: ${ready.message}` : ''
}
