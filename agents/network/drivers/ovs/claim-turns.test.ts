// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { ClaimTurns } from './claim-turns.ts'

test('a gateway that comes and comes again is told from one that is claimed in turns, for as long as that lasts', () => {
  let now = 0
  const turns = new ClaimTurns(() => now)
  const claims = (gateway: string, ...pauses: number[]) =>
    pauses.map((ms) => {
      now += ms
      return turns.note(gateway)
    })
  expect(claims('one', 0, 1000, 5000, 3000)).toEqual([false, false, false, false])
  expect(claims('two', 0, 600, 600, 600, 600, 600, 600, 600)).toEqual([false, false, ...Array<boolean>(6).fill(true)])
  expect(claims('one', 0)).toEqual([false])
  expect(claims('two', 5000, 600)).toEqual([false, false])
})
