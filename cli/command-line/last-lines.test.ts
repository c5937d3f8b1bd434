// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { lastLines } from './last-lines.ts'

const last = (text: string, count: number): string => lastLines(Buffer.from(text), count).toString()

test.each([
  ['a\nb\nc\n', 2, 'b\nc\n'],
  ['a\nb\nc', 2, 'b\nc'],
  ['a\nb\nc\n', 3, 'a\nb\nc\n'],
  ['a\nb\nc\n', 9, 'a\nb\nc\n'],
  ['\n\na', 2, '\na'],
  ['\n', 1, '\n'],
  ['\n\n', 1, '\n'],
  ['', 3, ''],
  ['a', 1, 'a'],
])('%j, the last %i', (text, count, expected) => expect(last(text, count)).toBe(expected))

test('as many lines as are asked for, from the end', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('', 'x', 'yy')), fc.nat({ max: 8 }), (lines, more) => {
      const text = lines.map((line) => `${line}\n`).join('')
      const count = more + 1
      expect(last(text, count)).toBe(
        lines
          .slice(-count)
          .map((line) => `${line}\n`)
          .join(''),
      )
    }),
  )
})
