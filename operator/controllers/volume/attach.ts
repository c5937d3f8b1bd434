// SPDX-License-Identifier: Apache-2.0
import type { Instance, Volume } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { byAge, hasLetGo } from '../../placed/holding.ts'
import { placementsOf } from '../../placed/placement.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import { volumePresence } from '../../placed/observed-facts.ts'
import { hasReleased } from '../../placed/release.ts'
import { findHand, isInHand } from './hands.ts'
import type { Holder } from './hands.ts'

export type AttachmentPlan =
  | { kind: 'keep' }
  | { kind: 'attach'; to: Holder }
  | { kind: 'detach' }
  /** A node reports the volume on a machine that was not given it: nobody gets it, it is not deleted, and no export is opened. */
  | { kind: 'hold'; for: Pick<Holder, 'uid' | 'node'> }

type AttachDeps = Pick<OperatorDeps, 'bus' | 'caches'>

/**
 * One attachment at a time (docs/decisions/0014). A machine gets the volume once it has a node; of several, the oldest is first. It keeps
 * the volume until its spec no longer names it, its published document no longer has it, **and** its node has listed the machine's disks
 * under that document without it; or until the machine is gone. A machine that was given the volume and may have it in hand becomes its
 * holder again; a report of it on a machine that was never given it only holds the volume back. Pure.
 */
export function planAttachment(volume: Volume, deps: AttachDeps): AttachmentPlan {
  const held = volume.status?.attachedTo
  if (!held) {
    const hand = findHand(volume, deps)
    if (hand?.isGiven) return { kind: 'attach', to: { name: hand.name, uid: hand.uid, node: hand.node } }
    const isGoing = volume.metadata.deletionTimestamp !== undefined
    const next = isGoing ? undefined : nextUser(volume, deps)
    // Hold it back only if a machine asks for it or it is being deleted.
    if (hand) return isGoing || next ? { kind: 'hold', for: hand } : { kind: 'keep' }
    return next ? { kind: 'attach', to: next } : { kind: 'keep' }
  }
  const at = { uid: held.uid, node: held.node ?? '' }
  const holder = deps.caches.instances.findByUid(held.uid)
  if (!holder) return isInHand(volume.metadata.uid, at, deps) ? { kind: 'keep' } : { kind: 'detach' }
  if (hasLetGo(holder, deps)) return { kind: 'detach' }
  const node = holder.status?.node
  if (node === held.node && node !== undefined) {
    // Nobody answers from there any more.
    if (isConfirmedLost(node, deps)) return isWanted(volume, holder, deps) ? { kind: 'keep' } : { kind: 'detach' }
    return !isWanted(volume, holder, deps) && isOut(holder, volume, deps) ? { kind: 'detach' } : { kind: 'keep' }
  }
  // The machine left that node, after the node released it. If documents or reports do not say so yet, wait.
  if (isInHand(volume.metadata.uid, at, deps)) return { kind: 'keep' }
  if (node !== undefined) return { kind: 'attach', to: { name: held.name, uid: held.uid, node } }
  const isReleased = placementsOf(holder).every((placement) => hasReleased(placement, deps))
  return !isWanted(volume, holder, deps) && isReleased ? { kind: 'detach' } : { kind: 'keep' }
}

function nextUser(volume: Volume, deps: AttachDeps): Holder | undefined {
  const next = deps.caches.instances
    .listBy('volume', keyOfObject(volume))
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.node !== undefined)
    .filter(({ status }) => !isConfirmedLost(status?.node ?? '', deps))
    .sort(byAge)[0]
  if (next?.status?.node === undefined) return undefined
  return { name: next.metadata.name, uid: next.metadata.uid, node: next.status.node }
}

function isWanted(volume: Volume, holder: Instance, { caches }: AttachDeps): boolean {
  return caches.instances
    .listBy('volume', keyOfObject(volume))
    .some((user) => user.metadata.uid === holder.metadata.uid)
}

/**
 * The machine's last published document is for its current generation and has no such volume, and its node has listed its disks since. All
 * of this is checked against the published document, not the spec: between the two lies a write.
 */
function isOut(holder: Instance, volume: Volume, { bus }: AttachDeps): boolean {
  const { metadata, status } = holder
  const { node = '', epoch = 0 } = status ?? {}
  const document = bus.desired.find(node, 'instance', metadata.uid)
  if (!document || document.tombstone || document.versions.epoch !== epoch) return false
  if (document.versions.generation < (metadata.generation ?? 0)) return false
  const isGiven = bus.desired.listWithVolume(volume.metadata.uid).some(({ uid }) => uid === metadata.uid)
  if (isGiven) return false
  const report = bus.observed.find('instance', metadata.uid, node)
  return report?.state !== 'gone' && volumePresence(report, volume.metadata.uid, document.versions) === 'absent'
}
