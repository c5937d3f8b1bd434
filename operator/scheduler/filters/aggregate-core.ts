// SPDX-License-Identifier: Apache-2.0
import type { RoomFilter } from './filter.ts'
import { whyShort } from './room.ts'

/** As CoreFilter, by cpu_allocation_ratio of the node's aggregates. */
export const aggregateCoreFilter: RoomFilter = {
  name: 'AggregateCoreFilter',
  by: 'room',
  turnedBy: ['freed'],
  column: 'aggregateVcpus',
  wanted: ({ amounts }) => amounts.vcpus,
  refuse: (node, { amounts }) =>
    whyShort({
      ...{ free: node.aggregateRoom.vcpus - node.usedVcpus, all: node.aggregateRoom.vcpus, what: 'vCPUs' },
      ...{ wanted: amounts.vcpus, kept: node.reserved?.cpus },
    }),
}
