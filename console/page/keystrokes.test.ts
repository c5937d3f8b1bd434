// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { toKeystrokes } from './keystrokes.ts'

test.each([
  ['a', [[0x61, 'KeyA', false]]],
  ['A!', [[0x41, 'KeyA', true], [0x21, 'Digit1', true]]], // prettier-ignore
  ['|\t', [[0x7c, 'Backslash', true], [0xff09, 'Tab', false]]], // prettier-ignore
  ['\r\n', [[0xff0d, 'Enter', false]]],
  ['\r', [[0xff0d, 'Enter', false]]],
  ['ä\x03𝒳', []],
])('%j', (text, keys) => {
  expect(toKeystrokes(text).map(({ keysym, code, shifted }) => [keysym, code, shifted])).toEqual(keys)
})

test('every sign of ASCII has a key, and no two the same', () => {
  const signs = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('')
  const keys = toKeystrokes(signs)
  expect(keys.map(({ keysym }) => String.fromCharCode(keysym)).join('')).toBe(signs)
  expect(new Set(keys.map(({ code, shifted }) => `${code} ${shifted}`)).size).toBe(95)
})
