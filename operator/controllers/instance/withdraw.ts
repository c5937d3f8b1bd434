// SPDX-License-Identifier: Apache-2.0
// Two leaders for a moment, one of them paused: each kept to the policy of a ServerGroup by what it knew (docs/decisions/0061).
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { isOlder } from '../../kind/is-older.ts'
import { mostOnNode } from '../server-group/kind.ts'
import type { InstanceDeps } from './deps.ts'

export type WithdrawDeps = Pick<InstanceDeps, 'caches' | 'bus'>

/**
 * Why a machine of which its node knows nothing yet has to give its place up: another member that has begun, or is older, has what its
 * group's policy leaves to one. Of one that has begun the ServerGroup says it (PolicyBroken), and it stays.
 */
export function whyWithdrawn(instance: Instance, deps: WithdrawDeps): string | undefined {
  const { metadata, spec, status } = instance
  if (!spec.serverGroupRef || hasBegun(instance, deps)) return undefined
  const group = deps.caches.serverGroups.find(metadata.namespace, spec.serverGroupRef.name)
  if (!group) return undefined
  const first = deps.caches.instances
    .listBy('serverGroup', keyOfObject(group))
    .filter((other) => other.metadata.uid !== metadata.uid && other.status?.node !== undefined)
    .filter((other) => hasBegun(other, deps) || isOlder(other, instance))
  const here = first.filter((other) => other.status?.node === status?.node)
  const [elsewhere] = first
  if (group.spec.policy === 'affinity' && elsewhere && here.length === 0)
    return `${elsewhere.metadata.name} of its ServerGroup was placed on node ${elsewhere.status?.node ?? ''} at the same time`
  if (here.length < mostOnNode(group.spec)) return undefined
  return `${here[0]?.metadata.name ?? ''} of its ServerGroup was placed there at the same time`
}

/** Whether its node may know of it: it was told, or has answered, or did so before what we know of the bus. */
export function hasBegun({ metadata, status }: Instance, { bus }: WithdrawDeps): boolean {
  const { node = '', state, conditions } = status ?? {}
  if (state !== 'BUILD' || findCondition(conditions, 'ImageCached') !== undefined) return true
  return (
    bus.desired.find(node, 'instance', metadata.uid) !== undefined ||
    bus.observed.find('instance', metadata.uid, node) !== undefined
  )
}
