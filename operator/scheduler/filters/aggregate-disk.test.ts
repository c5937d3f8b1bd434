// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateDiskFilter } from './aggregate-disk.ts'

const NOTHING = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
const CAPACITY = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }

test.each<[string, Record<string, string>[], number, string | undefined]>([
  ['no aggregate: the default', [], 40, undefined],
  ['no aggregate: more than the default', [], 41, 'has 40 of 40 GiB of disk free, 41 wanted'],
  ['more by its aggregate', [{ disk_allocation_ratio: '8' }], 320, undefined],
  ['more than that', [{ disk_allocation_ratio: '8' }], 321, 'has 320 of 320 GiB of disk free, 321 wanted'],
  ['less by its aggregate', [{ disk_allocation_ratio: '0.5' }], 21, 'has 20 of 20 GiB of disk free, 21 wanted'],
  [
    'the least of several',
    [{ disk_allocation_ratio: '8' }, { disk_allocation_ratio: '1' }],
    41,
    'has 40 of 40 GiB of disk free, 41 wanted',
  ],
  [
    'what is no number counts as if nothing were said',
    [{ disk_allocation_ratio: '8' }, { disk_allocation_ratio: 'many' }],
    40,
    undefined,
  ],
])('%s', (_, aggregates, wanted, why) => {
  const facts = { capacity: CAPACITY, aggregates: aggregatesWith(...aggregates) }
  const amounts = { ...NOTHING, diskGiB: wanted }
  expect(refusalOf(aggregateDiskFilter, facts, { amounts })).toBe(why)
})
