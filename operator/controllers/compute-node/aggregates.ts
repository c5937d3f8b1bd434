// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode, HostAggregate, KubeNode } from '../../../lib/api/types.ts'
import type { Aggregate } from '../../scheduler/nodes/aggregate.ts'
import { sharedOf } from '../../scheduler/nodes/node-classes.ts'
import type { NodeRow, SharedFacts } from '../../scheduler/nodes/node-facts.ts'
import { listAggregatesOf, type MembershipCaches } from '../host-aggregate/membership.ts'
import { givesZone } from '../host-aggregate/zone.ts'
import { zoneOf } from './discover.ts'

const MOST_SHOWN = 32

/** What the node has in common with others, as filters read it, by the HostAggregates that are known at this moment: the scheduler's table follows. */
export function commonFactsNow(row: NodeRow, caches: MembershipCaches): SharedFacts {
  const aggregates = listAggregatesOf(row.name, caches)
  const node = caches.nodes.find(undefined, row.name)
  return {
    ...sharedOf(row),
    aggregates: toAggregates(aggregates),
    zone: node ? zoneBy(aggregates, node) : row.zone,
  }
}

/** In the order of their names. */
export function toAggregates(aggregates: readonly HostAggregate[]): Aggregate[] {
  return aggregates
    .map(({ metadata: { name }, spec }) => ({ name, metadata: spec.metadata ?? {} }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The oldest comes first. */
function zoneBy(aggregates: readonly HostAggregate[], node: KubeNode | undefined): string | undefined {
  return givesZone(aggregates)?.spec.availabilityZone ?? zoneOf(node)
}

/** Which aggregates the node is in, the oldest first, and the zone that follows: its label's where none has one. */
export function recordAggregates(
  status: NonNullable<ComputeNode['status']>,
  aggregates: readonly HostAggregate[],
  node: KubeNode | undefined,
): void {
  const zone = zoneBy(aggregates, node)
  if (zone === undefined) delete status.zone
  else status.zone = zone
  const names = aggregates.map(({ metadata }) => metadata.name).sort()
  if (names.length === 0) delete status.aggregates
  else status.aggregates = names.slice(0, MOST_SHOWN)
}
