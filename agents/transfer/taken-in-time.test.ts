// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { takenInTime } from './taken-in-time.ts'

const LIMIT_MS = 100

async function* chunks(readMs: number) {
  for (const chunk of ['a', 'b', 'c']) {
    await sleep(readMs)
    yield chunk
  }
}
async function take(readMs: number, takeMs: number) {
  let givenUp = 0
  const taken: string[] = []
  for await (const chunk of takenInTime(chunks(readMs), LIMIT_MS, () => void (givenUp += 1))) {
    taken.push(chunk)
    await sleep(takeMs)
  }
  return { taken: taken.join(''), givenUp }
}

test('who takes each in time gets all, however long reading them takes', async () => {
  expect(await take(2 * LIMIT_MS, 0)).toEqual({ taken: 'abc', givenUp: 0 })
})

test('who is too slow for one is given up', async () => {
  expect((await take(0, 2 * LIMIT_MS)).givenUp).toBe(3)
})

test('who ends before is not given up later', async () => {
  let givenUp = 0
  for await (const chunk of takenInTime(chunks(0), LIMIT_MS, () => void (givenUp += 1))) if (chunk === 'a') break
  await sleep(2 * LIMIT_MS)
  expect(givenUp).toBe(0)
})
