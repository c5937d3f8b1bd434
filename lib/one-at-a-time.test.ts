// SPDX-License-Identifier: Apache-2.0
import { setImmediate } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { OneAtATime } from './one-at-a-time.ts'

test('in order, never two at one time, and with what each gives', async () => {
  const line = new OneAtATime()
  const begun: number[] = []
  let [now, most] = [0, 0]
  const work = async (n: number) => {
    begun.push(n)
    most = Math.max(most, ++now)
    await setImmediate()
    now -= 1
    return n * 2
  }
  expect(line.isIdle).toBe(true)
  const all = [1, 2, 3].map((n) => line.run(() => work(n)))
  expect([line.isIdle, begun]).toEqual([false, []])
  expect(await Promise.all(all)).toEqual([2, 4, 6])
  expect([begun, most, line.isIdle]).toEqual([[1, 2, 3], 1, true])
})

test('a failure is its own caller’s alone', async () => {
  const line = new OneAtATime()
  const fails = [
    () => Promise.reject(new Error('later')),
    () => {
      throw new Error('at once')
    },
  ].map((work) => line.run(work))
  const works = line.run(() => 'works')
  expect(await Promise.allSettled(fails)).toMatchObject([
    { reason: { message: 'later' } },
    { reason: { message: 'at once' } },
  ])
  expect([await works, line.isIdle]).toEqual(['works', true])
})
