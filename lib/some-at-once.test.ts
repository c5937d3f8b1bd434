// SPDX-License-Identifier: Apache-2.0
import { setImmediate } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { someAtOnce } from './some-at-once.ts'

test('each once, in order, never more at one time than was said', async () => {
  const begun: number[] = []
  let [now, most] = [0, 0]
  await someAtOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item)
    most = Math.max(most, ++now)
    await setImmediate()
    now -= 1
  })
  expect([begun, most, now]).toEqual([[1, 2, 3, 4, 5, 6, 7], 3, 0])
})

test('a failure is thrown, and nothing is nothing', async () => {
  await someAtOnce([], 4, () => Promise.reject(new Error('never')))
  await expect(someAtOnce([1, 2], 1, (item) => Promise.reject(new Error(`at ${item}`)))).rejects.toThrow('at 1')
})
