// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { DEFAULT_POLICY } from '../policy.ts'
import { Scheduler } from '../scheduler.ts'
import { aggregatesWith, nodeFacts, placementRequest, refusalOf } from '../testing.ts'
import { aggregateDiskFilter } from './aggregate-disk.ts'

const NOTHING = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
const CAPACITY = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }

test.each<[string, Record<string, string>[], number, string | undefined, number?]>([
  ['no aggregate: the default', [], 40, undefined],
  ['no aggregate: more than the default', [], 41, 'has 40 of 40 GiB of disk free, 41 wanted'],
  ['more by its aggregate, of several together', [{ disk_allocation_ratio: '8' }], 40, undefined, 280],
  ['more than that', [{ disk_allocation_ratio: '8' }], 40, 'has 39 of 320 GiB of disk free, 40 wanted', 281],
  ['more than there is, for one alone', [{ disk_allocation_ratio: '8' }], 41, 'has 40 GiB of disk in all, 41 wanted'],
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
])('%s', (_, aggregates, wanted, why, used = 0) => {
  const facts = { capacity: CAPACITY, aggregates: aggregatesWith(...aggregates) }
  const amounts = { ...NOTHING, diskGiB: wanted }
  const claim = (s: Scheduler) => s.confirm('other', [{ node: 'n1', amounts: { ...NOTHING, diskGiB: used } }])
  expect(refusalOf(aggregateDiskFilter, facts, { amounts }, claim)).toBe(why)
  // All at once it is the same.
  const s = new Scheduler()
  s.putNode(nodeFacts(facts))
  claim(s)
  const filters = [aggregateDiskFilter]
  expect(s.place(placementRequest({ amounts }), { ...DEFAULT_POLICY, filters }).ok).toBe(why === undefined)
})
