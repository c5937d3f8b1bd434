// SPDX-License-Identifier: Apache-2.0
import type { RoomFilter } from './filter.ts'
import { whyShort, whyTooLarge } from './room.ts'

/** As DiskFilter, by disk_allocation_ratio of the node's aggregates. */
export const aggregateDiskFilter: RoomFilter = {
  name: 'AggregateDiskFilter',
  by: 'room',
  turnedBy: ['freed'],
  column: 'aggregateDiskGiB',
  wanted: ({ amounts }) => amounts.diskGiB,
  refuse(node, { amounts }) {
    const asked = { what: 'GiB of disk', wanted: amounts.diskGiB }
    const free = node.aggregateRoom.diskGiB - node.usedDiskGiB
    return (
      whyShort({ ...asked, free, all: node.aggregateRoom.diskGiB, kept: node.reserved?.diskGiB }) ??
      whyTooLarge({ there: node.capacity.diskGiB, ...asked })
    )
  },
}
