// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { whoGivesWay } from './unread.ts'

const unread = (of: string, bytes: number) => ({ of, networkUid: of.charAt(0), bytes })

test('nobody while all together have no more than they may', () => {
  expect(whoGivesWay([unread('a1', 5), unread('b1', 5)], 10)).toEqual([])
  expect(whoGivesWay([], 10)).toEqual([])
})

test('of the network that has most the connection that has most, until the rest fits', () => {
  const all = [unread('a1', 2), unread('a2', 4), unread('b1', 4), unread('a3', 3)]
  expect(whoGivesWay(all, 12)).toEqual(['a2'])
  expect(whoGivesWay(all, 8)).toEqual(['a2', 'a3'])
})
