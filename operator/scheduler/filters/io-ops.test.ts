// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Scheduler } from '../scheduler.ts'
import { refusalOf } from '../testing.ts'
import { ioOpsFilter } from './io-ops.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

/** Five machines, three of which are being built. */
const five = (scheduler: Scheduler) => {
  const amounts = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
  for (let i = 0; i < 5; i++) scheduler.confirm(`m${i}`, [{ node: 'n1', amounts, isBuilding: i < 3 }])
}

test.each<[number | undefined, string | undefined]>([
  [undefined, undefined],
  [4, undefined],
  [3, 'has 3 machines that are being built, 3 may be'],
  [1, 'has 3 machines that are being built, 1 may be'],
])('%s may be', (maxIoOpsPerHost, why) => {
  const settings = maxIoOpsPerHost === undefined ? DEFAULT_SETTINGS : { ...DEFAULT_SETTINGS, maxIoOpsPerHost }
  expect(refusalOf(ioOpsFilter, {}, { settings }, five)).toBe(why)
})

test('without a profile it is as many as in Nova', () => {
  expect(DEFAULT_SETTINGS.maxIoOpsPerHost).toBe(8)
})
