// SPDX-License-Identifier: Apache-2.0
import type { RoomFilter } from './filter.ts'
import { whyShort } from './room.ts'

export const ramFilter: RoomFilter = {
  name: 'RamFilter',
  by: 'room',
  turnedBy: ['freed'],
  column: 'nextMemoryMiB',
  wanted: ({ amounts }) => amounts.memoryMiB,
  refuse: (node, { amounts }) =>
    whyShort({
      ...{ free: node.memoryMiB - node.usedMemoryMiB, all: node.memoryMiB, what: 'MiB of memory' },
      ...{ wanted: amounts.memoryMiB + node.perMachineMiB, note: " with QEMU's own" },
      kept: node.reserved?.memoryMiB,
    }),
}
