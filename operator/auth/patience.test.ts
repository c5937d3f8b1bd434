// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Patience } from './patience.ts'

test('so many refusals, then none is asked about until the window ends; others are', () => {
  let nowMs = 5_000
  const patience = new Patience({ refusals: 3, windowMs: 1_000, addresses: 10 }, () => nowMs)
  const over = []
  for (let i = 0; i < 4; i++) {
    over.push(patience.isOver('a'))
    patience.refused('a')
    nowMs += 100
  }
  expect(over).toEqual([false, false, false, true])
  expect(patience.isOver('b')).toBe(false)
  nowMs = 5_999
  expect(patience.isOver('a')).toBe(true)
  nowMs = 6_000
  expect(patience.isOver('a')).toBe(false)
  expect(patience.left('a')).toBe(3)
  for (const left of [2, 1, 0]) {
    patience.refused('a')
    expect(patience.left('a')).toBe(left)
  }
})

test('addresses are remembered up to a bound, the latest of them', () => {
  const patience = new Patience({ refusals: 1, windowMs: 1_000, addresses: 3 }, () => 0)
  for (let i = 0; i < 10; i++) patience.refused(`a${i}`)
  expect(
    Array.from({ length: 10 }, (_, i) => patience.isOver(`a${i}`))
      .map(Number)
      .join(''),
  ).toBe('0000000111')
})
