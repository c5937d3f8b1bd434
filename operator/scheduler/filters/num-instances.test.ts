// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Scheduler } from '../scheduler.ts'
import { refusalOf } from '../testing.ts'
import { numInstancesFilter } from './num-instances.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

/** Five machines. */
const five = (scheduler: Scheduler) => {
  const amounts = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
  for (let i = 0; i < 5; i++) scheduler.confirm(`m${i}`, [{ node: 'n1', amounts, isBuilding: false }])
}

test.each<[number | undefined, string | undefined]>([
  [undefined, undefined],
  [6, undefined],
  [5, 'has 5 machines, 5 may be'],
  [1, 'has 5 machines, 1 may be'],
])('%s may be', (maxInstancesPerHost, why) => {
  const settings = maxInstancesPerHost === undefined ? DEFAULT_SETTINGS : { ...DEFAULT_SETTINGS, maxInstancesPerHost }
  expect(refusalOf(numInstancesFilter, {}, { settings }, five)).toBe(why)
})

test('without a profile it is as many as in Nova', () => {
  expect(DEFAULT_SETTINGS.maxInstancesPerHost).toBe(50)
})
