// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { parseQcow2 } from './qcow2.ts'
import { findFault, offsetOf } from './qcow2-tables.ts'
import { sampleQcow2 } from './testing/qcow2-samples.ts'

const CLUSTER = 65536
const FILE = CLUSTER * 10
const header = (extended = false) => parseQcow2(sampleQcow2({ incompatible: extended ? 16n : 0n }), CLUSTER * 4)
const COPIED = 1n << 63n
const COMPRESSED = 1n << 62n

function fault(entries: readonly bigint[], extended = false) {
  const table = Buffer.alloc(entries.length * 8)
  entries.forEach((entry, index) => table.writeBigUInt64BE(entry, index * 8))
  return findFault(table, header(extended), FILE)
}
const at = (clusters: number) => BigInt(clusters * CLUSTER)

test.each<[string, bigint[], string | undefined]>([
  ['nothing', [0n, 0n], undefined],
  ['zeros without a place', [1n], undefined],
  ['the last cluster', [COPIED | at(9)], undefined],
  ['a cluster that begins at the end', [COPIED | at(10)], 'beyondEnd'],
  ['the same behind good ones', [COPIED | at(1), COPIED | at(10)], 'beyondEnd'],
  ['far beyond the end', [COPIED | at(2 ** 30)], 'beyondEnd'],
  ['between clusters', [COPIED | (at(1) + 512n)], 'misaligned'],
  ['compressed, in the last sector', [COMPRESSED | (at(10) - 512n)], undefined],
  ['compressed, between sectors', [COMPRESSED | 70_001n], undefined],
  ['compressed, at the end', [COMPRESSED | at(10)], 'beyondEnd'],
  // x = 62 - (16 - 8) = 54: above it stands the number of sectors.
  ['compressed, with a number of sectors', [COMPRESSED | (0xffn << 54n) | at(1)], undefined],
  ['compressed, beyond 2^53', [COMPRESSED | (1n << 53n)], 'beyondEnd'],
])('%s', (_name, entries, expected) => {
  expect(fault(entries)).toBe(expected)
})

test.each<[string, bigint[], string | undefined]>([
  ['no subcluster with data, at the end', [at(10), 0n], undefined],
  ['zeroed subclusters only, at the end', [at(10), 0xffffffffn << 32n], undefined],
  ['the first subcluster of the last cluster', [at(9), 1n], undefined],
  ['all subclusters of the last cluster', [at(9), 0xffffffffn], undefined],
  ['one subcluster beyond the end', [at(10), 1n], 'beyondEnd'],
  ['bitmaps are no offsets', [at(1), 0x7fffffff_ffffffffn, 0n, 0n], undefined],
])('extended: %s', (_name, entries, expected) => {
  expect(fault(entries, true)).toBe(expected)
})

test('a file that ends inside its last cluster holds its first subclusters, not its last', () => {
  const table = Buffer.alloc(16)
  table.writeBigUInt64BE(at(9), 0)
  table.writeBigUInt64BE(1n << 31n, 8)
  expect(findFault(table, header(true), FILE - 2048)).toBe('beyondEnd')
  table.writeBigUInt64BE(1n << 30n, 8)
  expect(findFault(table, header(true), FILE - 2048)).toBeUndefined()
})

test('a table that the file cuts short ends in zeros', () => {
  const table = Buffer.alloc(12)
  table.writeBigUInt64BE(at(1), 0)
  table.writeUInt32BE(0x00ffffff, 8)
  expect(findFault(table, header(), FILE)).toBeUndefined()
})

test('offsets are bits 9 to 55, exact', () => {
  const table = Buffer.alloc(8, 0xff)
  expect(BigInt(offsetOf(table, 0))).toBe(0x00ff_ffff_ffff_fe00n)
  table.writeBigUInt64BE(0x8000_0000_8001_01ffn)
  expect(offsetOf(table, 0)).toBe(0x80010000)
})
