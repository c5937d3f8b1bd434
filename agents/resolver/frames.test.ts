// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { FrameReader, toFrame } from './frames.ts'

const message = (fill: number) => Buffer.alloc(12, fill)
function read(...chunks: Buffer[]): { read: Buffer[]; went: boolean[] } {
  const got: Buffer[] = []
  const reader = new FrameReader((one) => got.push(one))
  const went = chunks.map((chunk) => reader.push(chunk))
  return { read: got, went }
}

test('messages come whole, however they are cut', () => {
  const two = Buffer.concat([toFrame(message(1)), toFrame(message(2))])
  expect(read(two.subarray(0, 5), two.subarray(5, 15), two.subarray(15))).toEqual({
    read: [message(1), message(2)],
    went: [true, true, true],
  })
})

test('nothing is read after a length that no message has', () => {
  const zeros = Buffer.alloc(64 * 1024)
  expect(read(zeros)).toEqual({ read: [], went: [false] })
  expect(read(Buffer.concat([toFrame(message(1)), zeros]))).toEqual({ read: [message(1)], went: [false] })
})

test('nothing is read once it was stopped, not even of the same bytes', () => {
  const got: Buffer[] = []
  const reader: FrameReader = new FrameReader((one) => {
    got.push(one)
    reader.stop()
  })
  expect([reader.push(Buffer.concat([toFrame(message(1)), toFrame(message(2))])), got]).toEqual([false, [message(1)]])
})

test('nothing is read after a length that is too much', () => {
  const reader = new FrameReader(() => undefined, 12)
  expect([reader.push(toFrame(message(1))), reader.push(Buffer.from([0, 13]))]).toEqual([true, false])
})
