// SPDX-License-Identifier: Apache-2.0
// Questions about where machines and their ports stand, asked by several controllers.
import type { Instance, Port } from '../../lib/api/types.ts'
import { GROUP, INSTANCE } from '../../lib/api/kinds.ts'
import { keyOfObject } from '../../lib/kube/object.ts'
import { isAutomaticPortName } from '../controllers/instance/nics.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { placementsOf } from './placement.ts'
import { hasReleased } from './release.ts'
import type { Caches } from '../kind/row.ts'

type HoldingDeps = Pick<OperatorDeps, 'bus' | 'caches'>

/** The machine is being deleted and every node has let go of it. */
export function hasLetGo(instance: Instance, deps: HoldingDeps): boolean {
  if (instance.metadata.deletionTimestamp === undefined) return false
  return placementsOf(instance).every((placement) => hasReleased(placement, deps))
}

/** The Instance that an automatic port was made for; undefined for a user's own port, and when the Instance is gone. */
export function ownerInstanceOf(port: Port, { caches }: { caches: Pick<Caches, 'instances'> }): Instance | undefined {
  const uid = ownerUidOf(port)
  const owner = uid === undefined ? undefined : caches.instances.findByUid(uid)
  return owner?.metadata.namespace === port.metadata.namespace ? owner : undefined
}

/**
 * The Instance that an automatic port was made for, there or not; undefined for a user's own port. Once it was decided
 * (port/origin.ts) it stands in the status, which the operator alone writes; before that, it is what the port was made with.
 */
export function ownerUidOf(port: Pick<Port, 'metadata' | 'status'>): string | undefined {
  return ownerOfPort(port)?.uid
}

export function ownerOfPort({ metadata, status }: Pick<Port, 'metadata' | 'status'>): NamedUid | undefined {
  if (status?.origin === 'User') return undefined
  if (status?.origin === 'Instance') return status.owner
  const claimed = metadata.ownerReferences?.find((o) => o.controller === true && isOurInstance(o))
  return claimed && isAutomaticPortName(metadata.name, claimed) ? { name: claimed.name, uid: claimed.uid } : undefined
}

interface NamedUid {
  name: string
  uid: string
}

function isOurInstance({ apiVersion, kind }: { apiVersion: string; kind: string }): boolean {
  return kind === INSTANCE.kind && apiVersion.startsWith(`${GROUP}/`)
}

/** The machines that name a port, the oldest first. */
export function usersOfPort(port: Port, deps: HoldingDeps): Instance[] {
  const owner = ownerUidOf(port)
  const users = deps.caches.instances.listBy('port', keyOfObject(port))
  return users.filter((i) => owner === undefined || i.metadata.uid === owner).sort(byAge)
}

export function byAge(a: Instance, b: Instance): number {
  const [x, y] = [a, b].map((i) => `${i.metadata.creationTimestamp ?? ''} ${i.metadata.uid}`) as [string, string]
  return x < y ? -1 : x > y ? 1 : 0
}
