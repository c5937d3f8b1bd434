// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Scheduler } from '../scheduler.ts'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateNumInstancesFilter } from './aggregate-num-instances.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

/** Five machines. */
const five = (scheduler: Scheduler) => {
  const amounts = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
  for (let i = 0; i < 5; i++) scheduler.confirm(`m${i}`, [{ node: 'n1', amounts, isBuilding: false }])
}

test.each<[string, Record<string, string>[], number, string | undefined]>([
  ['as the profile has it', [], 5, 'has 5 machines, 5 may be by its HostAggregates'],
  ['as the profile has it', [], 6, undefined],
  ['more by its aggregate', [{ max_instances_per_host: '6' }], 1, undefined],
  ['less by its aggregate', [{ max_instances_per_host: '5' }], 99, 'has 5 machines, 5 may be by its HostAggregates'],
  [
    'the least of several',
    [{ max_instances_per_host: '9' }, { max_instances_per_host: '1' }],
    99,
    'has 5 machines, 1 may be by its HostAggregates',
  ],
  ['what is no number', [{ max_instances_per_host: 'few' }], 6, undefined],
  ['no whole number', [{ max_instances_per_host: '1.5' }], 6, undefined],
])('%s: %j, %i', (_, aggregates, maxInstancesPerHost, why) => {
  const request = { settings: { ...DEFAULT_SETTINGS, maxInstancesPerHost } }
  expect(refusalOf(aggregateNumInstancesFilter, { aggregates: aggregatesWith(...aggregates) }, request, five)).toBe(why)
})
