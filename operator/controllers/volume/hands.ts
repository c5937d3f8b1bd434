// SPDX-License-Identifier: Apache-2.0
import type { OperatorDeps } from '../common/deps.ts'
import type { Holder } from './attach.ts'

type HandsDeps = Pick<OperatorDeps, 'bus' | 'caches'>

/**
 * A machine that may have the volume in its hands, as far as documents and nodes' words tell: it was told to attach it, or was seen with it.
 * A machine on a node that is confirmed lost has nothing in hand. Pure.
 */
export function findHand(volume: string, deps: HandsDeps): Holder | undefined {
  const { bus, caches } = deps
  const told = bus.desired.listWithVolume(volume).map(({ uid, node }) => ({ uid, node, name: uid }))
  const seen = bus.observed.listWithVolume(volume).map(({ uid, node, name }) => ({ uid, node, name }))
  const hands = [...told, ...seen].filter(({ node }) => !isLost(node, deps))
  const hand = hands.sort((a, b) => (`${a.uid} ${a.node}` < `${b.uid} ${b.node}` ? -1 : 1))[0]
  return hand && { ...hand, name: caches.instances.findByUid(hand.uid)?.metadata.name ?? hand.name }
}

/**
 * May this machine have it? Of a machine without a resource everything that its node says but `gone` counts, with or without a list: nobody
 * asks that node about it any more.
 */
export function isInHand(volume: string, { uid, node }: Pick<Holder, 'uid' | 'node'>, deps: HandsDeps): boolean {
  if (isLost(node, deps)) return false
  const { bus, caches } = deps
  const isSame = (at: { uid: string; node: string }) => at.uid === uid && at.node === node
  if (bus.desired.listWithVolume(volume).some(isSame) || bus.observed.listWithVolume(volume).some(isSame)) return true
  if (caches.instances.findByUid(uid)) return false
  const word = bus.observed.find('instance', uid, node)
  return word !== undefined && word.state !== 'gone'
}

function isLost(node: string, { caches }: HandsDeps): boolean {
  return caches.computeNodes.find(undefined, node)?.spec.lost === 'Confirmed'
}
