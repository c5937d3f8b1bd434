// SPDX-License-Identifier: Apache-2.0
import { leastCountOf } from '../nodes/aggregate-ratios.ts'
import type { SharedFacts } from '../nodes/node-facts.ts'
import type { BoundFilter } from './filter.ts'
import type { PlacementRequest } from './request.ts'
import { settingsOf } from './settings.ts'

/** As NumInstancesFilter, by max_instances_per_host of the node's aggregates where they have it. */
export const aggregateNumInstancesFilter: BoundFilter = {
  name: 'AggregateNumInstancesFilter',
  by: 'bound',
  turnedBy: ['freed'],
  column: 'instances',
  most: mostOn,
  refuse(node, request) {
    const most = mostOn(node, request)
    return node.instances < most ? undefined : `has ${node.instances} machines, ${most} may be by its HostAggregates`
  },
}

function mostOn({ aggregates }: SharedFacts, request: PlacementRequest): number {
  return leastCountOf(aggregates, 'max_instances_per_host') ?? settingsOf(request).maxInstancesPerHost
}
