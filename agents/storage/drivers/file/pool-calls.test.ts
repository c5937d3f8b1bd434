// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { PoolCalls } from './pool-calls.ts'

const unresponsive = { reason: 'PoolUnresponsive' }

interface Call {
  end(): void
  work: () => Promise<string>
}
function hanging(): Call {
  let end = (): void => undefined
  const ended = new Promise<string>((resolve) => (end = () => resolve('ended')))
  return { work: () => ended, end: () => end() }
}

test('a disk that hangs takes as many calls as the limit has, however often it is tried', async () => {
  const words: boolean[] = []
  const calls = new PoolCalls({ mostAtOnce: 2, limitMs: 50, onChange: (answers) => words.push(answers) })
  let begun = 0
  const hung = [hanging(), hanging()]
  const begin = (call?: Call) =>
    calls.run(() => {
      begun += 1
      return call?.work() ?? Promise.resolve('made')
    })
  const first = hung.map(begin)
  // In line behind them when they are given up: refused with them.
  const waiting = [begin(), begin()]
  for (const call of [...first, ...waiting]) await expect(call).rejects.toMatchObject(unresponsive)
  for (let again = 0; again < 5; again++) await expect(begin()).rejects.toMatchObject(unresponsive)
  expect([begun, words]).toEqual([2, [false]])
  hung[0]!.end()
  await sleep(0)
  await expect(begin()).rejects.toMatchObject(unresponsive)
  hung[1]!.end()
  await sleep(0)
  expect(await begin()).toBe('made')
  expect([begun, words]).toEqual([3, [false, true]])
})

test('a busy disk keeps calls in line and refuses none', async () => {
  const calls = new PoolCalls({ mostAtOnce: 2, limitMs: 10_000 })
  const busy = [hanging(), hanging(), hanging()]
  const order: number[] = []
  const ends = busy.map(({ work }, i) =>
    calls.run(() => {
      order.push(i)
      return work()
    }),
  )
  await sleep(0)
  expect(order).toEqual([0, 1])
  busy[1]!.end()
  await ends[1]
  await sleep(0)
  expect(order).toEqual([0, 1, 2])
  for (const call of busy) call.end()
  expect(await Promise.all(ends)).toEqual(['ended', 'ended', 'ended'])
})

test('what fails gives its place back and says why', async () => {
  const calls = new PoolCalls({ mostAtOnce: 1 })
  const failure = new Error('no such file')
  for (let i = 0; i < 3; i++) await expect(calls.run(() => Promise.reject(failure))).rejects.toBe(failure)
})
