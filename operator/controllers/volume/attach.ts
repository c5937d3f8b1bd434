// SPDX-License-Identifier: Apache-2.0
import type { Instance, Volume } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { byAge, hasLetGo } from '../common/holding.ts'

export type AttachmentPlan =
  { kind: 'keep' } | { kind: 'attach'; to: { name: string; uid: string; node: string } } | { kind: 'detach' }

/**
 * One attachment at a time. A machine gets the volume once it has a node; it keeps it until it names it no longer **and** its node
 * said that the disk is out, or the machine is gone. The oldest of several waits the shortest. Pure.
 */
export function planAttachment(volume: Volume, deps: Pick<OperatorDeps, 'bus' | 'caches'>): AttachmentPlan {
  const held = volume.status?.attachedTo
  const users = deps.caches.instances.listBy('volume', keyOfObject(volume))
  if (held) {
    const holder = deps.caches.instances.findByUid(held.uid)
    // Finalizers see to it that an Instance object outlives its machine.
    if (!holder || hasLetGo(holder, deps)) return { kind: 'detach' }
    if (holder.status?.node !== undefined && holder.status.node !== held.node) {
      return { kind: 'attach', to: { name: held.name, uid: held.uid, node: holder.status.node } }
    }
    const isWanted = users.some((user) => user.metadata.uid === held.uid)
    return !isWanted && isDetached(holder, volume, deps) ? { kind: 'detach' } : { kind: 'keep' }
  }
  if (volume.metadata.deletionTimestamp !== undefined) return { kind: 'keep' }
  const next = users
    .filter((user) => user.metadata.deletionTimestamp === undefined && user.status?.node !== undefined)
    .sort(byAge)[0]
  if (next?.status?.node === undefined) return { kind: 'keep' }
  return { kind: 'attach', to: { name: next.metadata.name, uid: next.metadata.uid, node: next.status.node } }
}

/** The node acted on a document that no longer has the disk, and does not see it any more. */
function isDetached(instance: Instance, volume: Volume, deps: Pick<OperatorDeps, 'bus'>): boolean {
  const { node, epoch } = instance.status ?? {}
  // A machine that lost its place has been released there before.
  if (node === undefined) return (instance.status?.pendingReleases ?? []).length === 0
  const observed = deps.bus.observed.find('instance', instance.metadata.uid, node)
  if (observed === undefined || observed.versions.epoch !== epoch) return false
  if (observed.versions.generation < (instance.metadata.generation ?? 0)) return false
  return !(observed.facts.volumesAttached ?? []).includes(volume.metadata.uid)
}
