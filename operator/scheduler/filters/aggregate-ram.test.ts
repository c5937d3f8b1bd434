// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateRamFilter } from './aggregate-ram.ts'

const NOTHING = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
const CAPACITY = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }

test.each<[string, Record<string, string>[], number, string | undefined]>([
  ['no aggregate: the default', [], 4096, undefined],
  ['no aggregate: more than the default', [], 4097, `has 4096 of 4096 MiB of memory free, 4097 wanted with QEMU's own`],
  ['more by its aggregate', [{ ram_allocation_ratio: '8' }], 32768, undefined],
  [
    'more than that',
    [{ ram_allocation_ratio: '8' }],
    32769,
    `has 32768 of 32768 MiB of memory free, 32769 wanted with QEMU's own`,
  ],
  [
    'less by its aggregate',
    [{ ram_allocation_ratio: '0.5' }],
    2049,
    `has 2048 of 2048 MiB of memory free, 2049 wanted with QEMU's own`,
  ],
  [
    'the least of several',
    [{ ram_allocation_ratio: '8' }, { ram_allocation_ratio: '1' }],
    4097,
    `has 4096 of 4096 MiB of memory free, 4097 wanted with QEMU's own`,
  ],
  [
    'what is no number counts as if nothing were said',
    [{ ram_allocation_ratio: '8' }, { ram_allocation_ratio: 'many' }],
    4096,
    undefined,
  ],
])('%s', (_, aggregates, wanted, why) => {
  const facts = { capacity: CAPACITY, aggregates: aggregatesWith(...aggregates) }
  const amounts = { ...NOTHING, memoryMiB: wanted }
  expect(refusalOf(aggregateRamFilter, facts, { amounts })).toBe(why)
})
