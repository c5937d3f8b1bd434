// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateInstanceExtraSpecsFilter } from './aggregate-instance-extra-specs.ts'

const fast = { ssd: 'true' }

test.each<[string, Record<string, string>[], Record<string, string>, string | undefined]>([
  ['nothing is asked for', [], {}, undefined],
  ['what is asked for is there', [fast], fast, undefined],
  ['in a scope, too', [fast], { 'aggregate_instance_extra_specs:ssd': 'true' }, undefined],
  [
    'a key with colons of its own behind the scope',
    [{ 'disk:kind': 'ssd' }],
    { 'aggregate_instance_extra_specs:disk:kind': 'ssd' },
    undefined,
  ],
  [
    'such a key that no aggregate has',
    [fast],
    { 'aggregate_instance_extra_specs:disk:kind': 'ssd' },
    'is in no HostAggregate with disk:kind in its metadata',
  ],
  ['other scopes are none of its business', [], { 'hw:cpu_policy': 'dedicated', 'a:b:c': 'd' }, undefined],
  ['no aggregate', [], fast, 'is in no HostAggregate with ssd in its metadata'],
  ['another key', [{ hdd: 'true' }], fast, 'is in no HostAggregate with ssd in its metadata'],
  [
    'another value',
    [{ ssd: 'false' }],
    { 'aggregate_instance_extra_specs:ssd': 'true' },
    'has ssd false by its HostAggregates, the Flavor asks for true',
  ],
  ['one of several aggregates has it', [{ ssd: 'false' }, fast], fast, undefined],
  ['one of several values is it', [{ ssd: 'no, true' }], fast, undefined],
  ['each key may come from another one', [fast, { gpu: '1' }], { ...fast, gpu: '1' }, undefined],
  ['each key has to be there', [fast], { ...fast, gpu: '1' }, 'is in no HostAggregate with gpu in its metadata'],
  ['operators', [{ cores: '8' }], { cores: '>= 8' }, undefined],
  [
    'operators that do not match',
    [{ cores: '8' }],
    { cores: '>= 9' },
    'has cores 8 by its HostAggregates, the Flavor asks for >= 9',
  ],
])('%s', (_, aggregates, extraSpecs, why) => {
  const facts = { aggregates: aggregatesWith(...aggregates) }
  expect(refusalOf(aggregateInstanceExtraSpecsFilter, facts, { flavor: { name: 'f', extraSpecs } })).toBe(why)
})

test('who asks for no Flavor is not refused', () => {
  expect(refusalOf(aggregateInstanceExtraSpecsFilter, {}, {})).toBeUndefined()
})
