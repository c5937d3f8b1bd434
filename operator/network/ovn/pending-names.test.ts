// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { setOf } from '../../../lib/ovsdb/values.ts'
import { mapOf, readMap } from '../../../lib/ovsdb/values.ts'
import type { Operation } from '../../../lib/ovsdb/operations.ts'
import { PendingNames, type NameChange, type Records } from './pending-names.ts'

const rowsOf = (records: Records) => (uuid: string) => (uuid === 'net' ? { records: mapOf(records) } : undefined)
const change = (had: Records, want: Records, row = 'net'): NameChange => ({ row, had, want })
/** As ovsdb-server does it (RFC 7047 section 5.1): what is there already is not inserted. */
function applied(records: Records, operations: readonly Operation[]): Records {
  const now = new Map(Object.entries(records))
  for (const operation of operations)
    for (const [, what, value] of operation.op === 'mutate' ? operation.mutations : [])
      if (what === 'delete') for (const key of (value as ReturnType<typeof setOf>)[1] as string[]) now.delete(key)
      else for (const [key, one] of Object.entries(readMap(value))) if (!now.has(key)) now.set(key, one)
  return Object.fromEntries(now)
}
function after(records: Records, ...changes: NameChange[]) {
  const rows = rowsOf(records)
  const pending = changes.reduce((names, one) => names.plus([one], rows), PendingNames.none)
  const operations = pending.operations(rows)
  return { operations, records: applied(records, operations) }
}

describe('entries that wait', () => {
  test('of many ports are one operation on their row', () => {
    const { operations, records } = after(
      {},
      ...Array.from({ length: 50 }, (_, i) => change({}, { [`vm-${i}.x`]: `10.0.0.${i}` })),
    )
    expect(operations).toHaveLength(1)
    expect(Object.keys(records)).toHaveLength(50)
  })
  test.each<[string, Records, NameChange[], Records]>([
    ['made and gone again', {}, [change({}, { a: '1' }), change({ a: '1' }, {})], {}],
    ['renamed twice', { a: '1' }, [change({ a: '1' }, { b: '1' }), change({ b: '1' }, { c: '1' })], { c: '1' }],
    [
      'back to what is written',
      { a: '1' },
      [change({ a: '1' }, { a: '2' }), change({ a: '2' }, { a: '1' })],
      { a: '1' },
    ],
    ['another takes the name over', { a: '1' }, [change({ a: '1' }, {}), change({}, { a: '2' })], { a: '2' }],
    ['which does not go with the first', { a: '1' }, [change({}, { a: '2' }), change({ a: '1' }, {})], { a: '2' }],
    [
      'an address of one that goes is another’s at once',
      { r: 'a' },
      [change({ r: 'a' }, {}), change({}, { r: 'b' })],
      { r: 'b' },
    ],
  ])('%s', (_, records, changes, expected) => {
    expect(after(records, ...changes).records).toEqual(expected)
  })
  test('what is as it is written comes to nothing', () => {
    const rows = rowsOf({ a: '1' })
    expect(PendingNames.none.plus([change({ a: '1' }, { a: '1' })], rows)).toBe(PendingNames.none)
    const pending = PendingNames.none.plus([change({}, { b: '2' })], rows)
    expect(pending.plus([change({}, { b: '2' })], rows)).toBe(pending)
    expect(pending.operations(rowsOf({ a: '1', b: '2' }))).toEqual([])
  })
  test('of a network that is gone nothing is written', () => {
    expect(after({}, change({}, { a: '1' }, 'gone')).operations).toEqual([])
  })
})
