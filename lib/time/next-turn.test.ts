// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { eachInItsTurn } from './next-turn.ts'

const NEVER = new AbortController().signal

function busyMs(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test('timers come between the steps', async () => {
  let done = 0
  const seen: number[] = []
  const timer = setInterval(() => seen.push(done), 1)
  await eachInItsTurn(
    [1, 2, 3].map(() => () => busyMs(10)),
    NEVER,
    () => done++,
  )
  clearInterval(timer)
  expect(seen).toEqual(expect.arrayContaining([1, 2]))
})

test('what a step returned is known before the next is done', async () => {
  const order: string[] = []
  const steps = ['a', 'b'].map((name) => () => {
    order.push(`do ${name}`)
    return name
  })
  await eachInItsTurn(steps, NEVER, (name) => order.push(`done ${name}`))
  expect(order).toEqual(['do a', 'done a', 'do b', 'done b'])
})

test('what is left when the signal aborts is not done', async () => {
  const stop = new AbortController()
  const done: number[] = []
  const steps = [1, 2, 3].map((n) => () => {
    if (n === 2) stop.abort()
    return n
  })
  await eachInItsTurn(steps, stop.signal, (n) => done.push(n))
  expect(done).toEqual([1, 2])
})
