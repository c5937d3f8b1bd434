// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Scheduler } from '../scheduler.ts'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateIoOpsFilter } from './aggregate-io-ops.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

/** Five machines, three of which are being built. */
const five = (scheduler: Scheduler) => {
  const amounts = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
  for (let i = 0; i < 5; i++) scheduler.confirm(`m${i}`, [{ node: 'n1', amounts, isBuilding: i < 3 }])
}

test.each<[string, Record<string, string>[], number, string | undefined]>([
  ['as the profile has it', [], 3, 'has 3 machines that are being built, 3 may be by its HostAggregates'],
  ['as the profile has it', [], 4, undefined],
  ['more by its aggregate', [{ max_io_ops_per_host: '4' }], 1, undefined],
  [
    'less by its aggregate',
    [{ max_io_ops_per_host: '3' }],
    99,
    'has 3 machines that are being built, 3 may be by its HostAggregates',
  ],
  [
    'the least of several',
    [{ max_io_ops_per_host: '9' }, { max_io_ops_per_host: '1' }],
    99,
    'has 3 machines that are being built, 1 may be by its HostAggregates',
  ],
  ['what is no number', [{ max_io_ops_per_host: 'few' }], 4, undefined],
])('%s: %j, %i', (_, aggregates, maxIoOpsPerHost, why) => {
  const request = { settings: { ...DEFAULT_SETTINGS, maxIoOpsPerHost } }
  expect(refusalOf(aggregateIoOpsFilter, { aggregates: aggregatesWith(...aggregates) }, request, five)).toBe(why)
})
