// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { JsonFramer } from './framing.ts'

const messages = fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' })), {
  maxLength: 5,
})

describe('JsonFramer', () => {
  test('gives back what was sent, wherever the stream is cut', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat()), fc.constantFrom('', '\n', ' \r\n'), (sent, cuts, gap) => {
        const bytes = Buffer.from(sent.map((m) => JSON.stringify(m)).join(gap))
        const edges = [...new Set([0, ...cuts.map((c) => c % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b)
        const framer = new JsonFramer()
        const got = edges.slice(1).flatMap((edge, i) => framer.push(bytes.subarray(edges[i], edge)))
        expect(got).toEqual(sent.map((m) => JSON.parse(JSON.stringify(m)) as unknown))
      }),
    )
  })
  test('one byte at a time', () => {
    const framer = new JsonFramer()
    const got = [...Buffer.from('{"a":"}\\"{é"}{"b":[{}]}')].flatMap((byte) => framer.push(Buffer.of(byte)))
    expect(got).toEqual([{ a: '}"{é' }, { b: [{}] }])
  })
  test.each(['}', '"x"', '12', '{}]'])('refuses %s', (text) => {
    expect(() => new JsonFramer().push(Buffer.from(text))).toThrow(SyntaxError)
  })
  test('refuses a message without end', () => {
    const framer = new JsonFramer(100)
    expect(() => {
      for (let i = 0; i < 20; i++) framer.push(Buffer.from('{"aaaaaaaa":'))
    }).toThrow(RangeError)
  })
})
