// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { createLogger } from '../../../lib/log.ts'
import { LogRoom, MOST_LINES, OFF_MS } from './log-room.ts'

function watched() {
  const switched: boolean[] = []
  const state = { answers: true }
  const room = new LogRoom(
    async (isOn) => {
      switched.push(isOn)
      return state.answers
    },
    createLogger('test', 'silent'),
  )
  return { room, switched, state }
}

test('on at the start, off for a minute when there is too much, and on again', async () => {
  const { room, switched } = watched()
  await room.count(0, false, 0)
  await room.count(MOST_LINES, false, 1_000)
  expect(switched).toEqual([true])
  await room.count(1, false, 2_000)
  expect(switched).toEqual([true, false])
  await room.count(MOST_LINES, true, 1_000 + OFF_MS)
  expect(switched).toEqual([true, false])
  await room.count(0, false, 2_000 + OFF_MS)
  expect(switched).toEqual([true, false, true])
})

test('each window counts by itself; more than could be read is too much', async () => {
  const { room, switched } = watched()
  for (let i = 0; i < 10; i++) await room.count(MOST_LINES, false, i * 10_000)
  expect(switched).toEqual([true])
  await room.count(1, true, 100_000)
  expect(switched).toEqual([true, false])
})

test('while nobody answers it is tried again', async () => {
  const { room, switched, state } = watched()
  state.answers = false
  for (let i = 0; i < 3; i++) await room.count(0, false, i)
  state.answers = true
  for (let i = 3; i < 6; i++) await room.count(0, false, i)
  expect(switched).toEqual([true, true, true, true])
})
