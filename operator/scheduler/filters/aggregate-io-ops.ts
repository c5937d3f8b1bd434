// SPDX-License-Identifier: Apache-2.0
import { leastCountOf } from '../nodes/aggregate-ratios.ts'
import type { SharedFacts } from '../nodes/node-facts.ts'
import type { BoundFilter } from './filter.ts'
import type { PlacementRequest } from './request.ts'
import { settingsOf } from './settings.ts'

/** As IoOpsFilter, by max_io_ops_per_host of the node's aggregates where they have it. */
export const aggregateIoOpsFilter: BoundFilter = {
  name: 'AggregateIoOpsFilter',
  by: 'bound',
  turnedBy: ['built'],
  column: 'ioOps',
  most: mostOn,
  refuse(node, request) {
    const most = mostOn(node, request)
    return node.ioOps < most
      ? undefined
      : `has ${node.ioOps} machines that are being built, ${most} may be by its HostAggregates`
  },
}

function mostOn({ aggregates }: SharedFacts, request: PlacementRequest): number {
  return leastCountOf(aggregates, 'max_io_ops_per_host') ?? settingsOf(request).maxIoOpsPerHost
}
