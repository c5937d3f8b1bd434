// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { StaleWriterError } from '../../../lib/errors.ts'
import { mapOf } from '../../../lib/ovsdb/values.ts'
import { NameWriter } from './name-writer.ts'

const EVERY_MS = 500
/** Of an empty row, which stays so: only what is sent counts here. */
const rows = () => ({ records: mapOf({}) })
const port = (n: number) => ({ row: 'net', had: {}, want: { [`vm-${n}`]: `10.0.0.${n}` } })

let sent: number[]
let failWith: Error | undefined
let writer: NameWriter
beforeEach(() => {
  jest.useFakeTimers()
  sent = []
  failWith = undefined
  const write = async () => {
    if (failWith) throw failWith
    const names = writer.take('now')
    sent.push(names.operations.length)
    names.commit()
  }
  writer = new NameWriter({ rows, everyMs: EVERY_MS, write })
})
afterEach(() => {
  writer.close()
  jest.useRealTimers()
})
/** As the driver does with a port that it has written. */
function write(n: number): number {
  const names = writer.take([port(n)])
  names.commit()
  return names.operations.length
}

test('one by itself is written with its port; those that come soon after wait, and are written together', async () => {
  expect(write(1)).toBe(1)
  for (let n = 2; n < 40; n++) expect(write(n)).toBe(0)
  await jest.advanceTimersByTimeAsync(EVERY_MS - 1)
  expect(sent).toEqual([])
  await jest.advanceTimersByTimeAsync(1)
  expect(sent).toEqual([1])
  await jest.advanceTimersByTimeAsync(10 * EVERY_MS)
  expect(sent).toEqual([1])
  expect(write(41)).toBe(1)
})

test('a transaction that failed leaves nothing behind', async () => {
  writer.take([port(1)])
  expect(write(2)).toBe(1)
  expect(writer.take([port(3)]).operations).toEqual([])
  await jest.advanceTimersByTimeAsync(2 * EVERY_MS)
  expect(sent).toEqual([])
})

test('what could not be written is tried again; what another leader has to write is not', async () => {
  write(1)
  write(2)
  failWith = new Error('no answer')
  await jest.advanceTimersByTimeAsync(3 * EVERY_MS)
  failWith = undefined
  await jest.advanceTimersByTimeAsync(EVERY_MS)
  expect(sent).toEqual([1])
  write(3)
  failWith = new StaleWriterError('another leads')
  await jest.advanceTimersByTimeAsync(EVERY_MS)
  failWith = undefined
  await jest.advanceTimersByTimeAsync(3 * EVERY_MS)
  expect(sent).toEqual([1])
})

test('nothing is sent once it is closed', async () => {
  write(1)
  write(2)
  writer.close()
  await jest.advanceTimersByTimeAsync(3 * EVERY_MS)
  expect(sent).toEqual([])
})
