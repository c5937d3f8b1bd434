// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Pace } from './pace.ts'

test('a long answer pauses for as long as it worked, and ends when its two seconds are used up', async () => {
  let now = 0
  const pauses: number[] = []
  const pause = async (ms: number) => {
    pauses.push(ms)
    now += ms
  }
  const pace = new Pace(new AbortController().signal, { now: () => now, pause })
  const work = async (ms: number) => {
    now += ms
    return pace.next()
  }
  expect([await work(4), await work(5)]).toEqual([true, true])
  expect(pauses).toEqual([])
  expect(await work(6)).toBe(true)
  expect(pauses).toEqual([15])
  let more = 0
  while (await work(20)) more++
  expect(more).toBe(99)
  expect(pauses.length).toBe(100)
})

test('an operator that stops does not wait for it', async () => {
  const stopping = new AbortController()
  let now = 0
  const real = new Pace(stopping.signal, {
    now: () => (now += 1_000),
    pause: (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stops')))),
  })
  const waiting = real.next()
  stopping.abort()
  await expect(waiting).rejects.toThrow('stops')
})
