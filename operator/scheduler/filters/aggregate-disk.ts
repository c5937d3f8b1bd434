// SPDX-License-Identifier: Apache-2.0
import type { RoomFilter } from './filter.ts'
import { whyShort } from './room.ts'

/** As DiskFilter, by disk_allocation_ratio of the node's aggregates. */
export const aggregateDiskFilter: RoomFilter = {
  name: 'AggregateDiskFilter',
  by: 'room',
  column: 'aggregateDiskGiB',
  wanted: ({ amounts }) => amounts.diskGiB,
  refuse: (node, { amounts }) =>
    whyShort({
      ...{ free: node.aggregateRoom.diskGiB - node.usedDiskGiB, all: node.aggregateRoom.diskGiB, what: 'GiB of disk' },
      ...{ wanted: amounts.diskGiB, kept: node.reserved?.diskGiB },
    }),
}
