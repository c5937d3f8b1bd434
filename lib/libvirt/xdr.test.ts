// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { encodeMessage, MessageDecoder, type Message } from './frame.ts'
import {
  array,
  bool,
  fixedArray,
  int,
  opaque,
  optional,
  string,
  struct,
  uhyper,
  uint,
  voidType,
  XdrError,
  XdrReader,
  XdrWriter,
  type Codec,
} from './xdr.ts'

function encoded<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new XdrWriter()
  codec.encode(writer, value)
  return Buffer.from(writer.bytes())
}
function decodedAll<T>(codec: Codec<T>, bytes: Buffer): T {
  const reader = new XdrReader(bytes)
  const value = codec.decode(reader)
  expect(reader.remaining()).toBe(0)
  return value
}
const clean = fc.string({ unit: 'grapheme', maxLength: 200 }).filter((s) => !s.includes('\0') && s.isWellFormed())
const record = struct({
  name: string(4096),
  id: int,
  tags: array(optional(string(4096)), 50),
  big: uhyper,
  on: bool,
})

describe('XDR', () => {
  // RFC 4506 section 7's kind of example, by hand.
  test.each<[string, Codec<never>, unknown, string]>([
    ['int', int as Codec<never>, -2, 'fffffffe'],
    ['uint', uint as Codec<never>, 0xfffffffe, 'fffffffe'],
    ['string', string(10) as Codec<never>, 'sillyp', '0000000673696c6c79700000'],
    ['bytes are counted, not characters', string(10) as Codec<never>, 'é', '00000002c3a90000'],
    ['absent', optional(int) as Codec<never>, undefined, '00000000'],
    ['present', optional(int) as Codec<never>, 7, '0000000100000007'],
    ['fixed array', fixedArray(int, 2) as Codec<never>, [1, 2], '0000000100000002'],
    ['opaque', opaque(3) as Codec<never>, Buffer.from([1, 2, 3]), '01020300'],
    ['void', voidType as Codec<never>, undefined, ''],
  ])('%s', (_name, codec, value, hex) => {
    expect(encoded(codec, value as never).toString('hex')).toBe(hex)
    expect(decodedAll(codec, Buffer.from(hex, 'hex'))).toEqual(value)
  })

  test('whatever is written is read again, in multiples of four bytes', () => {
    const values = fc.record({
      name: clean,
      id: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      tags: fc.array(fc.option(clean, { nil: undefined }), { maxLength: 50 }),
      big: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      on: fc.boolean(),
    })
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encoded(record, value)
        expect(bytes.length % 4).toBe(0)
        expect(decodedAll(record, bytes)).toEqual(value)
      }),
    )
  })

  test('cut or foreign bytes give XdrError or a value, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          record.decode(new XdrReader(Buffer.from(bytes)))
        } catch (error) {
          expect(error).toBeInstanceOf(XdrError)
        }
      }),
    )
  })

  test.each<[string, () => unknown]>([
    ['a string above its limit', () => encoded(string(2), 'abc')],
    ['a zero byte in a string', () => encoded(string(9), 'a\0b')],
    ['a list whose length is a lie', () => array(int, 1e9).decode(new XdrReader(Buffer.from('7fffffff', 'hex')))],
    ['padding that is not zero', () => string(9).decode(new XdrReader(Buffer.from('0000000161000001', 'hex')))],
  ])('%s is refused', (_name, act) => expect(act).toThrow(XdrError))
})

describe('frames', () => {
  const messages = fc.array(
    fc.record({
      program: fc.nat(),
      procedure: fc.nat(500),
      type: fc.nat(6),
      serial: fc.nat(),
      status: fc.nat(2),
      payload: fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b)),
    }),
    { maxLength: 8 },
  )
  test('come out whole, however the bytes are cut', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(encodeMessage))
        const decoder = new MessageDecoder()
        const got: Message[] = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length]!
          got.push(...decoder.push(bytes.subarray(at, at + size)))
          at += size
        }
        expect(got).toEqual(sent)
      }),
    )
  })
  test.each(['00000003', '00000010', 'ffffffff'])('a length of 0x%s ends the connection', (hex) => {
    expect(() => new MessageDecoder().push(Buffer.from(hex, 'hex'))).toThrow(XdrError)
  })
})
