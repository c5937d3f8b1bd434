// SPDX-License-Identifier: Apache-2.0
import type { RoomFilter } from './filter.ts'
import { whyShort } from './room.ts'

/** As RamFilter, by ram_allocation_ratio of the node's aggregates. */
export const aggregateRamFilter: RoomFilter = {
  name: 'AggregateRamFilter',
  by: 'room',
  column: 'aggregateNextMemoryMiB',
  wanted: ({ amounts }) => amounts.memoryMiB,
  refuse: (node, { amounts }) =>
    whyShort({
      ...{ free: node.aggregateRoom.memoryMiB - node.usedMemoryMiB, all: node.aggregateRoom.memoryMiB },
      ...{ what: 'MiB of memory', wanted: amounts.memoryMiB + node.perMachineMiB, note: " with QEMU's own" },
      kept: node.reserved?.memoryMiB,
    }),
}
