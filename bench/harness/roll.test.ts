// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Roll } from './roll.ts'

test('who comes back in time is not missing, and who is lost twice is missing since the first time', () => {
  const roll = new Roll(1000)
  roll.note('a', false, 0)
  roll.note('b', false, 0)
  roll.note('b', false, 900)
  roll.note('a', true, 500)
  roll.note('a', false, 600)
  expect(roll.missing(1000)).toEqual([])
  expect(roll.missing(1001)).toEqual(['b'])
  expect(roll.missing(1601)).toEqual(['b', 'a'])
})
