// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { DEFAULT_POLICY } from '../policy.ts'
import { Scheduler } from '../scheduler.ts'
import { aggregatesWith, nodeFacts, placementRequest, refusalOf } from '../testing.ts'
import { aggregateRamFilter } from './aggregate-ram.ts'

const NOTHING = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
const CAPACITY = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }

test.each<[string, Record<string, string>[], number, string | undefined, number?]>([
  ['no aggregate: the default', [], 4096, undefined],
  ['no aggregate: more than the default', [], 4097, `has 4096 of 4096 MiB of memory free, 4097 wanted with QEMU's own`],
  ['more by its aggregate, of several together', [{ ram_allocation_ratio: '8' }], 4096, undefined, 28672],
  [
    'more than that',
    [{ ram_allocation_ratio: '8' }],
    4096,
    `has 4095 of 32768 MiB of memory free, 4096 wanted with QEMU's own`,
    28673,
  ],
  [
    'more than there is, for one alone',
    [{ ram_allocation_ratio: '8' }],
    4097,
    `has 4096 MiB of memory in all, 4097 wanted with QEMU's own`,
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
])('%s', (_, aggregates, wanted, why, used = 0) => {
  const facts = { capacity: CAPACITY, aggregates: aggregatesWith(...aggregates) }
  const amounts = { ...NOTHING, memoryMiB: wanted }
  const claim = (s: Scheduler) => s.confirm('other', [{ node: 'n1', amounts: { ...NOTHING, memoryMiB: used } }])
  expect(refusalOf(aggregateRamFilter, facts, { amounts }, claim)).toBe(why)
  // All at once it is the same.
  const s = new Scheduler()
  s.putNode(nodeFacts(facts))
  claim(s)
  const filters = [aggregateRamFilter]
  expect(s.place(placementRequest({ amounts }), { ...DEFAULT_POLICY, filters }).ok).toBe(why === undefined)
})
