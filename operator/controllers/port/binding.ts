// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { hasLetGo, usersOfPort } from '../../placed/holding.ts'
import { placementsOf } from '../../placed/placement.ts'
import { ownerInstanceOf, ownerUidOf } from '../../placed/port-owner.ts'
import { isOutside } from './outside.ts'
import { findSubport, isRecorded, type Subport } from './subport.ts'

/** Where a port is plugged, and for which machine. */
export interface Binding {
  instance: Instance
  node: string
  epoch: number
  hostname: string
  /** Of a subport: by whose interface. */
  parent?: { portUid: string; vlan: number }
}

type PlacedPlan =
  /** The binding is saved: act on it. Undefined: plugged nowhere. */
  | { kind: 'stands'; binding: Binding | undefined }
  /** A change that must be saved before anything acts on it. */
  | { kind: 'decided'; binding: Binding | undefined; keptFor?: Instance; subport?: Subport }

export type BindingPlan =
  | PlacedPlan
  /** An automatic port whose machine has no place yet. */
  | { kind: 'unplaced'; message: string }

type BindingDeps = Pick<OperatorDeps, 'bus' | 'caches'>

/**
 * An automatic port lives and dies with its Instance, so it takes over the Instance's saved placement. A user's port may move from one
 * Instance to the next: who has it is decided here and saved in its status, with an epoch of its own, before anything acts on it. Pure.
 */
export function planBinding(port: Port, deps: BindingDeps): BindingPlan {
  if (isOutside(port)) return { kind: 'stands', binding: undefined }
  const ownerUid = ownerUidOf(port)
  if (ownerUid !== undefined) {
    const owner = ownerInstanceOf(port, deps)
    if (!owner) return { kind: 'unplaced', message: 'the Instance that it was made for is gone: it will be deleted' }
    const { node, epoch } = owner.status ?? {}
    if (node === undefined || epoch === undefined) {
      return { kind: 'unplaced', message: `waiting for a node for Instance ${owner.metadata.name}` }
    }
    return { kind: 'stands', binding: { instance: owner, node, epoch, hostname: hostnameOf(owner) } }
  }
  const subport = findSubport(port, deps)
  const plan = subport ? planOnParent(port, subport, deps) : planOwnBinding(port, deps)
  return isRecorded(port, subport) ? plan : { ...plan, kind: 'decided', ...(subport ? { subport } : {}) }
}

/** Where the interface is, with an epoch of its own. */
function planOnParent(port: Port, subport: Subport, { caches }: BindingDeps): PlacedPlan {
  const { node, epoch = 0, instance: held } = port.status ?? {}
  const { status: way, metadata: { uid: portUid = '' } = {} } = subport.parent ?? {}
  const instance = way?.instance && caches.instances.findByUid(way.instance.uid)
  if (!instance || way?.node === undefined) {
    const isFree = node === undefined && held === undefined
    return isFree ? { kind: 'stands', binding: undefined } : { kind: 'decided', binding: undefined, subport }
  }
  const isSame = held?.uid === instance.metadata.uid && node === way.node
  const binding: Binding = {
    ...{ instance, node: way.node, epoch: isSame ? epoch : epoch + 1, hostname: hostnameOf(instance) },
    parent: { portUid, vlan: subport.segmentationID },
  }
  return isSame ? { kind: 'stands', binding } : { kind: 'decided', binding, subport }
}

function planOwnBinding(port: Port, deps: BindingDeps): PlacedPlan {
  const { instance: held, node, epoch = 0 } = port.status ?? {}
  const users = usersOfPort(port, deps).filter((user) => !hasLetGo(user, deps))
  const holder = users.find((user) => user.metadata.uid === held?.uid) ?? users.find((user) => !isDeleting(user))
  if (!holder) return { kind: node === undefined && held === undefined ? 'stands' : 'decided', binding: undefined }
  const wanted = holder.status?.node
  const isSame = held?.uid === holder.metadata.uid && node === wanted
  if (wanted === undefined) {
    // Reserved for its machine while that has no place, so that no other machine takes it.
    return isSame || node === undefined
      ? { kind: 'stands', binding: undefined }
      : { kind: 'decided', binding: undefined, keptFor: holder }
  }
  const next: Binding = {
    instance: holder,
    node: wanted,
    epoch: isSame ? epoch : epoch + 1,
    hostname: hostnameOf(holder),
  }
  return { kind: isSame ? 'stands' : 'decided', binding: next }
}

/** Nodes that may have the port and must release it before it is plugged anywhere else. Pure. */
export function listFormerPlaces(port: Port, deps: BindingDeps): { node: string; epoch: number }[] {
  const places = new Map<string, number>()
  const add = (node: string, epoch: number) => places.set(node, Math.max(epoch, places.get(node) ?? 0))
  const { node, epoch = 0, instance: held } = port.status ?? {}
  const owner = ownerInstanceOf(port, deps)
  if (ownerUidOf(port) !== undefined) {
    for (const release of owner?.status?.pendingReleases ?? []) add(release.node, release.epoch)
    if (node !== undefined && node !== owner?.status?.node) add(node, epoch)
    if (owner?.status?.node !== undefined) places.delete(owner.status.node)
  } else if (node !== undefined && port.status?.trunk) {
    const way = findSubport(port, deps)?.parent?.status
    const isThere = way?.node === node && way.instance?.uid === held?.uid
    if (!isThere) add(node, epoch)
  } else if (node !== undefined) {
    const holder = held && deps.caches.instances.findByUid(held.uid)
    const stays = holder !== undefined && !hasLetGo(holder, deps) && holder.status?.node === node
    if (!stays) add(node, epoch)
  }
  return [...places].map(([name, at]) => ({ node: name, epoch: at }))
}

/** All nodes that may have the port, for its deletion. */
export function listPlaces(port: Port, deps: BindingDeps): { node: string; epoch: number }[] {
  const places = new Map<string, number>()
  const { node, epoch = 0 } = port.status ?? {}
  if (node !== undefined) places.set(node, epoch)
  const owner = ownerInstanceOf(port, deps)
  for (const place of owner ? placementsOf(owner) : [])
    places.set(place.node, Math.max(place.epoch, places.get(place.node) ?? 0))
  // Its machine may have been deleted without it (--cascade=orphan): then nodes' reports on the port tell where it was wanted.
  for (const report of deps.bus.observed.findAll('port', port.metadata.uid)) {
    const document = deps.bus.desired.find(report.node, 'port', port.metadata.uid)
    if (document?.tombstone === false && !places.has(report.node)) places.set(report.node, document.versions.epoch)
  }
  return [...places].map(([name, at]) => ({ node: name, epoch: at }))
}

function isDeleting(instance: Instance): boolean {
  return instance.metadata.deletionTimestamp !== undefined
}

export function hostnameOf(instance: Instance): string {
  return instance.spec.hostname ?? instance.metadata.name
}
