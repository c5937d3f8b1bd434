// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateTypeAffinityFilter } from './aggregate-type-affinity.ts'

test.each<[string, Record<string, string>[], string | undefined]>([
  ['no aggregate: for all', [], undefined],
  ['an aggregate that names none: for all', [{ ssd: 'true' }], undefined],
  ['its own', [{ instance_type: 'gpu' }], undefined],
  ['one of several', [{ instance_type: 'big, gpu' }], undefined],
  ['by another aggregate', [{ instance_type: 'big' }, { instance_type: 'gpu' }], undefined],
  ['others alone', [{ instance_type: 'big,gpu-2' }], 'is for other Flavors, by instance_type of its HostAggregates'],
])('%s', (_, aggregates, why) => {
  const facts = { aggregates: aggregatesWith(...aggregates) }
  expect(refusalOf(aggregateTypeAffinityFilter, facts, { flavor: { name: 'gpu', extraSpecs: {} } })).toBe(why)
})

test('where only room is asked for it refuses nobody', () => {
  expect(refusalOf(aggregateTypeAffinityFilter, { aggregates: aggregatesWith({ instance_type: 'x' }) }, {})).toBe(
    undefined,
  )
})
