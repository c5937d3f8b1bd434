// SPDX-License-Identifier: Apache-2.0
import type { HostAggregate } from '../../../lib/api/types.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { listAggregatesOf, listMembersOf } from './membership.ts'
import { givesZone } from './zone.ts'

const MOST_SHOWN = 64
const MOST_NAMED = 5

/** Its nodes take over by themselves what it says (compute-node/reconcile.ts); here it says which they are, and what stands in the way. */
export function reconcileHostAggregate(aggregate: HostAggregate, { caches }: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (aggregate.status ??= {})
  if (aggregate.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('hostAggregates', aggregate, caches) ?? released
  }
  status.state = 'ACTIVE'
  const members = listMembersOf(aggregate, caches)
  status.nodeCount = members.length
  status.nodes = members.slice(0, MOST_SHOWN)
  const { nodes = [], availabilityZone } = aggregate.spec
  const absent = nodes.filter((name) => caches.computeNodes.find(undefined, name) === undefined)
  if (absent.length > 0)
    return waitFor('NodeNotFound', `no ComputeNode has this name of spec.nodes: ${some(absent)}; the others are in it`)
  if (availabilityZone === undefined) return done
  const elsewhere = members.flatMap((name) => {
    const zone = givesZone(listAggregatesOf(name, caches))
    return zone === undefined || zone.spec.availabilityZone === availabilityZone
      ? []
      : [`${name} (${zone.spec.availabilityZone} by ${zone.metadata.name})`]
  })
  if (elsewhere.length === 0) return done
  const message = `nodes that an older HostAggregate has in another zone stay there: ${some(elsewhere)}. Take them out of one of the two`
  return waitFor('ZoneConflict', message)
}

function some(all: readonly string[]): string {
  const named = all.slice(0, MOST_NAMED).join(', ')
  return all.length > MOST_NAMED ? `${named} and ${all.length - MOST_NAMED} more` : named
}
