// SPDX-License-Identifier: Apache-2.0
import type { RoomFilter } from './filter.ts'
import { whyShort } from './room.ts'

export const coreFilter: RoomFilter = {
  name: 'CoreFilter',
  by: 'room',
  turnedBy: ['freed'],
  column: 'vcpus',
  wanted: ({ amounts }) => amounts.vcpus,
  refuse: (node, { amounts }) =>
    whyShort({
      ...{ free: node.vcpus - node.usedVcpus, all: node.vcpus, what: 'vCPUs' },
      ...{ wanted: amounts.vcpus, kept: node.reserved?.cpus },
    }),
}
