// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode, HostAggregate, KubeNode } from '../../../lib/api/types.ts'
import { givesZone } from '../host-aggregate/zone.ts'
import { zoneOf } from './discover.ts'

const MOST_SHOWN = 32

/** Which aggregates the node is in, the oldest first, and the zone that follows: its label's where none has one. */
export function recordAggregates(
  status: NonNullable<ComputeNode['status']>,
  aggregates: readonly HostAggregate[],
  node: KubeNode | undefined,
): void {
  const zone = givesZone(aggregates)?.spec.availabilityZone ?? zoneOf(node)
  if (zone === undefined) delete status.zone
  else status.zone = zone
  const names = aggregates.map(({ metadata }) => metadata.name).sort()
  if (names.length === 0) delete status.aggregates
  else status.aggregates = names.slice(0, MOST_SHOWN)
}
