// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { ReadWindow } from './read-window.ts'

test('there is room for what a client has read, and no more', async () => {
  const window = new ReadWindow(100)
  expect(await window.room()).toBe(100)
  window.take(100)
  let room = -1
  const later = window.room().then((bytes) => (room = bytes))
  await Promise.resolve()
  expect(room).toBe(-1)
  expect(window.moveTo(30)).toBe(true)
  await later
  expect(room).toBe(30)
})

test.each([
  ['more than was sent', 101],
  ['less than before', 9],
])('%s cannot be read', (_, read) => {
  const window = new ReadWindow(1000)
  window.take(100)
  expect(window.moveTo(10)).toBe(true)
  expect(window.moveTo(read)).toBe(false)
})

test('who waits for one that is gone waits no more', async () => {
  const window = new ReadWindow(1)
  window.take(1)
  const room = window.room()
  window.close()
  expect([await room, window.isClosed]).toEqual([0, true])
})
