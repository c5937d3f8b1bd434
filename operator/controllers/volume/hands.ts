// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'

/** The machine that has, or is to have, a volume. */
export interface Holder {
  name: string
  uid: string
  node: string
}

export type HandsDeps = Pick<OperatorDeps, 'bus' | 'caches'>

export type Hand = Holder & {
  /** May the machine have the volume: did we tell it to attach it, or do our resources place it there and name the volume? */
  isGiven: boolean
}

/**
 * A machine that may have the volume in hand, by documents and nodes' reports. A document is our own: a machine that was given the volume
 * may keep it. A node can report anything: a report holds the volume back from others and from deletion, but gives it to a machine only if
 * that exists, is placed on that node and names the volume, and nothing else is reported to have it.
 * A machine on a node that is confirmed lost has nothing in hand. Pure.
 */
export function findHand(volume: Volume, deps: HandsDeps): Hand | undefined {
  const { uid } = volume.metadata
  const { bus, caches } = deps
  const order = (a: Omit<Holder, 'name'>, b: Omit<Holder, 'name'>) =>
    `${a.uid} ${a.node}` < `${b.uid} ${b.node}` ? -1 : 1
  const standing = <T extends { node: string }>(hands: readonly T[]) =>
    hands.filter(({ node }) => !isConfirmedLost(node, deps))
  const told = standing(bus.desired.listWithVolume(uid)).sort(order)[0]
  if (told) return { uid: told.uid, node: told.node, name: nameOf(told.uid, caches) ?? told.uid, isGiven: true }
  const seen = standing(bus.observed.listWithVolume(uid)).sort(order)
  const stranger = seen.find((at) => !isEntitled(volume, at, deps))
  const hand = stranger ?? seen[0]
  if (!hand) return undefined
  const isGiven = stranger === undefined && seen.length === 1
  return { uid: hand.uid, node: hand.node, name: nameOf(hand.uid, caches) ?? hand.name, isGiven }
}

/** Whether our own resources place the machine there and have it name the volume. */
function isEntitled(volume: Volume, at: Pick<Holder, 'uid' | 'node'>, { caches }: HandsDeps): boolean {
  const users = caches.instances.listBy('volume', keyOfObject(volume))
  return users.some(({ metadata, status }) => metadata.uid === at.uid && status?.node === at.node)
}

function nameOf(uid: string, caches: HandsDeps['caches']): string | undefined {
  return caches.instances.findByUid(uid)?.metadata.name
}

/**
 * May this machine have the volume in hand? For a machine without a resource any report but `gone` counts, even without a list of disks:
 * nobody asks that node about the machine any more.
 */
export function isInHand(volume: string, { uid, node }: Pick<Holder, 'uid' | 'node'>, deps: HandsDeps): boolean {
  if (isConfirmedLost(node, deps)) return false
  const { bus, caches } = deps
  const isSame = (at: { uid: string; node: string }) => at.uid === uid && at.node === node
  if (bus.desired.listWithVolume(volume).some(isSame) || bus.observed.listWithVolume(volume).some(isSame)) return true
  if (caches.instances.findByUid(uid)) return false
  const report = bus.observed.find('instance', uid, node)
  return report !== undefined && report.state !== 'gone'
}
