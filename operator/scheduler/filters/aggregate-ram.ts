// SPDX-License-Identifier: Apache-2.0
import type { RoomFilter } from './filter.ts'
import { whyShort, whyTooLarge } from './room.ts'

/** As RamFilter, by ram_allocation_ratio of the node's aggregates. */
export const aggregateRamFilter: RoomFilter = {
  name: 'AggregateRamFilter',
  by: 'room',
  turnedBy: ['freed'],
  column: 'aggregateNextMemoryMiB',
  wanted: ({ amounts }) => amounts.memoryMiB,
  refuse(node, { amounts }) {
    const wanted = amounts.memoryMiB + node.perMachineMiB
    const asked = { what: 'MiB of memory', wanted, note: " with QEMU's own" }
    const free = node.aggregateRoom.memoryMiB - node.usedMemoryMiB
    return (
      whyShort({ ...asked, free, all: node.aggregateRoom.memoryMiB, kept: node.reserved?.memoryMiB }) ??
      whyTooLarge({ there: node.capacity.memoryMiB, ...asked })
    )
  },
}
