// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { makeLedger, secondsOf, stillFailed } from './ledger.ts'

const ran = (path: string, passed = true, seconds = 1) => ({ path, passed, seconds })

test('a whole run becomes a ledger, in an order that changes little from one to the next', () => {
  const ledger = makeLedger('abc', [ran('b', false, 12.345), ran('a', true, 0.04)])
  expect(ledger).toEqual({ commit: 'abc', seconds: { a: 0, b: 12.3 }, failed: ['b'] })
  expect(Object.keys(ledger.seconds)).toEqual(['a', 'b'])
})

test('times are of the files that there are; a new one is taken for half a minute', () => {
  const ledger = makeLedger('abc', [ran('gone', true, 9), ran('b', true, 5), ran('quick', true, 0)])
  expect([...secondsOf(['b', 'new', 'quick'], ledger)]).toEqual([
    ['b', 5],
    ['new', 30],
    ['quick', 0.1],
  ])
})

test.each<[string, string[], string[]]>([
  ['what did not run', ['x'], ['b', 'x']],
  ['not what passed since', ['a'], ['b']],
  ['what fails again, once', ['b'], ['b']],
])('still failed is %s', (_, before, after) => {
  expect(stillFailed(before, [ran('a'), ran('b', false)])).toEqual(after)
})
