// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from './time/until.ts'
import { PacedLine } from './paced-line.ts'

function busyMs(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test('takes all, in their order, also what comes while others are taken', async () => {
  const taken: number[] = []
  const line = new PacedLine<number>((n) => {
    taken.push(n)
    if (n === 1) line.push(3)
  })
  line.open()
  line.push(1)
  line.push(2)
  await until(() => taken.length === 3)
  expect(taken).toEqual([1, 2, 3])
})

test('takes nothing before it is open', async () => {
  const taken: number[] = []
  const line = new PacedLine<number>((n) => taken.push(n))
  line.push(1)
  await sleep(10)
  expect(taken).toEqual([])
  line.open()
  await until(() => taken.length === 1)
})

test('timers are not held up by how much there is', async () => {
  let taken = 0
  const line = new PacedLine<number>(() => {
    taken++
    busyMs(1)
  }, 5)
  for (let i = 0; i < 200; i++) line.push(i)
  line.open()
  await sleep(1)
  expect(taken).toBeLessThan(100)
  await until(() => taken === 200)
})

test('drops what waits when it is closed, also in the middle of a turn', async () => {
  const taken: number[] = []
  const line = new PacedLine<number>((n) => {
    taken.push(n)
    line.close()
  })
  line.push(1)
  line.push(2)
  line.open()
  await sleep(20)
  expect(taken).toEqual([1])
})
