// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { text } from './error.ts'
import { typedParam } from './typed-param.ts'
import { XdrReader, XdrWriter } from './xdr.ts'

function encoded(type: number, write: (writer: XdrWriter) => void): XdrReader {
  const writer = new XdrWriter()
  text.encode(writer, 'disk_total')
  writer.int(type)
  write(writer)
  return new XdrReader(Buffer.from(writer.bytes()))
}

test.each<[number, (writer: XdrWriter) => void, unknown]>([
  [1, (w) => w.int(-5), -5],
  [2, (w) => w.uint(4_000_000_000), 4_000_000_000],
  [3, (w) => w.uhyper(BigInt.asUintN(64, -7n)), -7n],
  [4, (w) => w.uhyper(2n ** 63n), 2n ** 63n],
  [5, (w) => w.uhyper(0x3ff8000000000000n), 1.5],
  [6, (w) => w.int(1), 1],
  [7, (w) => text.encode(w, 'why'), 'why'],
])('a value of type %d', (type, write, value) => {
  expect(typedParam.decode(encoded(type, write))).toEqual({ field: 'disk_total', value })
})

test('one of another type is refused, since its length is not known', () => {
  expect(() => typedParam.decode(encoded(8, (w) => w.int(0)))).toThrow('of type 8')
})
