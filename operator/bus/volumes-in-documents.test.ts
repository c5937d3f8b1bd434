// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { DesiredDocument } from '../../lib/contract/documents.ts'
import { VolumesInDocuments, volumesOf } from './volumes-in-documents.ts'

const machine = (...volumes: string[]) =>
  ({
    kind: 'instance',
    tombstone: false,
    spec: { volumes: volumes.map((uid) => ({ uid })) },
  }) as unknown as DesiredDocument
const tombstone = { kind: 'instance', tombstone: true } as DesiredDocument
const port = { kind: 'port', tombstone: false } as DesiredDocument
const KEY = 'c1.instance.vm'

test('what a document gives: a list of machines, an empty one of their tombstones, none of other kinds', () => {
  expect([machine('v', 'w'), machine(), tombstone, port].map(volumesOf)).toEqual([['v', 'w'], [], [], undefined])
})

describe('a document on its way', () => {
  test('counts from before it is sent, beside what lies there', () => {
    const known = new VolumesInDocuments()
    known.stands(KEY, ['v'], 3)
    known.begin(KEY, machine('w'), 3)
    expect([known.list('v'), known.list('w')]).toEqual([[KEY], [KEY]])
    known.stands(KEY, ['w'], 4)
    expect([known.list('v'), known.list('w')]).toEqual([[], [KEY]])
  })
  test('that was refused does not arrive; what was sent after another revision may', () => {
    const known = new VolumesInDocuments()
    known.begin(KEY, machine('v'), 3)
    known.begin(KEY, machine('w'), 4)
    known.refused(KEY, 3)
    expect([known.list('v'), known.list('w')]).toEqual([[], [KEY]])
    known.refused(KEY, 4)
    expect(known.list('w')).toEqual([])
  })
  test('of which nobody knows whether it arrived counts until something later stands', () => {
    const known = new VolumesInDocuments()
    known.stands(KEY, [], 3)
    known.begin(KEY, machine('v'), 3)
    known.begin(KEY, machine('w'), 4)
    known.stands(KEY, [], 3)
    expect([known.list('v'), known.list('w')]).toEqual([[KEY], [KEY]])
    known.stands(KEY, [], 4)
    expect([known.list('v'), known.list('w')]).toEqual([[], [KEY]])
    known.stands(KEY, [], 5)
    expect(known.list('w')).toEqual([])
  })
  test('that arrived as the last leaves nothing on its way', () => {
    const known = new VolumesInDocuments()
    known.begin(KEY, machine('v'), 0)
    known.begin(KEY, machine(), 1)
    known.arrived(KEY)
    expect(known.list('v')).toEqual([])
  })
  test('of another kind, or a tombstone, gives nothing and takes nothing away', () => {
    const known = new VolumesInDocuments()
    known.stands(KEY, ['v'], 3)
    known.begin(KEY, tombstone, 3)
    known.begin('c1.port.p', port, 0)
    expect([known.list('v'), known.list('p')]).toEqual([[KEY], []])
  })
})

test('several machines, and a document that was removed', () => {
  const known = new VolumesInDocuments()
  const other = 'c2.instance.vm2'
  expect([known.stands(KEY, ['v'], 1), known.stands(KEY, ['v'], 2), known.stands(KEY, ['v', 'w'], 3)]).toEqual([
    ...[true, false, true],
  ])
  known.stands(other, ['v'], 4)
  expect(known.list('v')).toEqual([KEY, other])
  expect(known.stands(KEY, undefined, 5)).toBe(true)
  expect([known.list('v'), known.list('w')]).toEqual([[other], []])
  expect(known.stands(KEY, undefined, 6)).toBe(false)
  expect(known.stands(other, [], 7)).toBe(true)
  expect(known.list('v')).toEqual([])
})
