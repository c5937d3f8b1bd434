// SPDX-License-Identifier: Apache-2.0
import type { RoomFilter } from './filter.ts'
import { whyShort } from './room.ts'

export const diskFilter: RoomFilter = {
  name: 'DiskFilter',
  by: 'room',
  turnedBy: ['freed'],
  column: 'diskGiB',
  wanted: ({ amounts }) => amounts.diskGiB,
  refuse: (node, { amounts }) =>
    whyShort({
      ...{ free: node.diskGiB - node.usedDiskGiB, all: node.diskGiB, what: 'GiB of disk' },
      ...{ wanted: amounts.diskGiB, kept: node.reserved?.diskGiB },
    }),
}
