// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateCoreFilter } from './aggregate-core.ts'

const NOTHING = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
const CAPACITY = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }

test.each<[string, Record<string, string>[], number, string | undefined]>([
  ['no aggregate: the default', [], 16, undefined],
  ['no aggregate: more than the default', [], 17, 'has 16 of 16 vCPUs free, 17 wanted'],
  ['more by its aggregate', [{ cpu_allocation_ratio: '8' }], 32, undefined],
  ['more than that', [{ cpu_allocation_ratio: '8' }], 33, 'has 32 of 32 vCPUs free, 33 wanted'],
  ['less by its aggregate', [{ cpu_allocation_ratio: '0.5' }], 3, 'has 2 of 2 vCPUs free, 3 wanted'],
  [
    'the least of several',
    [{ cpu_allocation_ratio: '8' }, { cpu_allocation_ratio: '1' }],
    5,
    'has 4 of 4 vCPUs free, 5 wanted',
  ],
  [
    'what is no number counts as if nothing were said',
    [{ cpu_allocation_ratio: '8' }, { cpu_allocation_ratio: 'many' }],
    16,
    undefined,
  ],
])('%s', (_, aggregates, wanted, why) => {
  const facts = { capacity: CAPACITY, aggregates: aggregatesWith(...aggregates) }
  const amounts = { ...NOTHING, vcpus: wanted }
  expect(refusalOf(aggregateCoreFilter, facts, { amounts })).toBe(why)
})
