// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { toPlainText } from './plain-text.ts'

const plain = (text: string): string => toPlainText(Buffer.from(text))

test.each([
  ['text of lines\nwith\ttabs, ä and 日本\n', 'text of lines\nwith\ttabs, ä and 日本\n'],
  ['[ OK ]\r\nnext\rover', '[ OK ]\nnext\nover'],
  ['\u001b[1;32mgreen\u001b[0m', 'green'],
  ['\u001b[2J\u001b[H\u001b[?25lcleared', 'cleared'],
  ['\u001b]0;title\u0007a\u001b]52;c;cGFzdGU=\u001b\\b', 'ab'],
  ['\u001bPdevice\u001b\\x\u001b^y\u001b\\', 'x'],
  ['\u001b(Bset\u001b7\u001bc', 'set'],
  ['bell\u0007 back\b nul\0', 'bell back nul'],
  ['\u009b31mC1', '31mC1'],
  ['\u202eright to left\u2066', 'right to left'],
  // Unended ones hide no more than their bound.
  [`\u001b]${'x'.repeat(300)}\nseen`, `${'x'.repeat(300 - 256)}\nseen`],
  ['\u001b', ''],
  ['\u001b[', ''],
])('%j', (text, expected) => expect(plain(text)).toBe(expected))

test('bytes that are no text stay harmless', () => {
  expect(toPlainText(Buffer.from([0x61, 0x9b, 0xff, 0x62]))).toBe('a\ufffd\ufffdb')
})

const PIECES = ['\u001b', '[', ']', 'P', '0', ';', 'm', '\u0007', '\\', '\r', '\n', 'x', '\u009b', ' ', '\u202e']

test('nothing that a terminal obeys is left, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...PIECES), { maxLength: 200 }), (pieces) => {
      expect(plain(pieces.join(''))).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}]/u)
    }),
  )
})

// An earlier form needed minutes for one of these.
test.each(['\u001b', '\u001b[', '\u001b]', '\u001b]x', '\r', '\u001b[0', '\u001bP ', '\u001b[ ', ' '])(
  'a mebibyte of %j takes no longer than its length',
  (piece) => {
    const bytes = Buffer.from(piece.repeat(Math.ceil(2 ** 20 / piece.length)))
    const begun = performance.now()
    toPlainText(bytes)
    expect(performance.now() - begun).toBeLessThan(3_000)
  },
)
