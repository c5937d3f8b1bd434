// SPDX-License-Identifier: Apache-2.0
// Questions about machines and their ports that several controllers ask.
import type { Instance, Port } from '../../lib/api/types.ts'
import { keyOfObject } from '../../lib/kube/object.ts'
import type { PlacedDeps } from './placed-deps.ts'
import { placementsOf } from './placement.ts'
import { hasReleased } from './release.ts'
import { ownerUidOf } from './port-owner.ts'

type HoldingDeps = Pick<PlacedDeps, 'bus' | 'caches'>

/** The machine is being deleted and every node has released it. */
export function hasLetGo(instance: Instance, deps: HoldingDeps): boolean {
  if (instance.metadata.deletionTimestamp === undefined) return false
  return placementsOf(instance).every((placement) => hasReleased(placement, deps))
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
