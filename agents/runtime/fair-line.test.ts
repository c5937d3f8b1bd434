// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DOCUMENT_KINDS, type DesiredDocument, type DocumentKind } from '../../lib/contract/documents.ts'
import { instanceDocument, tombstoneOf } from '../compute/testing.ts'
import { FairLine } from './fair-line.ts'
import { endsRun, isUrgent, mayTake, ORDINARY, SLOTS, URGENT } from './slot-plan.ts'

const two = Object.fromEntries(DOCUMENT_KINDS.map((kind) => [kind, 2])) as Record<DocumentKind, number>
const FEW = { ...two, node: 1, instance: 4 }
/** Keys such as `instance.a/1`: kind, namespace, name. */
const placeOf = (key: string) => {
  const [kind = '', rest = ''] = key.split('.')
  return { kind: kind as DocumentKind, namespace: rest.split('/')[0] ?? '' }
}
function lineOf(...keys: string[]): FairLine {
  const line = new FairLine({ placeOf, slots: FEW })
  for (const key of keys) line.add(key, 0, ORDINARY)
  return line
}
function takeAll(line: FairLine): string[] {
  const taken: string[] = []
  for (let next = line.take(); next; next = line.take()) taken.push(next[0])
  return taken
}

test.each([
  [16, 0, 0, true],
  [16, 8, 8, false],
  [16, 7, 7, true],
  [16, 15, 8, false],
  [16, 15, 0, true],
  [16, 16, 0, false],
  [1, 0, 0, true],
  [2, 1, 1, false],
])('of %i slots with %i taken, %i by itself: %s', (slots, taken, held, expected) => {
  expect(mayTake(slots, taken, held)).toBe(expected)
})

describe('who is next', () => {
  test('a namespace alone gets half; who comes later finds a slot, and waits for none of it', () => {
    const line = lineOf('instance.a/1', 'instance.a/2', 'instance.a/3')
    expect(takeAll(line)).toEqual(['instance.a/1', 'instance.a/2'])
    line.add('instance.b/1', 0, ORDINARY)
    line.add('instance.c/1', 0, ORDINARY)
    expect(takeAll(line)).toEqual(['instance.b/1', 'instance.c/1'])
    line.ended('instance.a/1')
    expect(takeAll(line)).toEqual([])
    line.ended('instance.c/1')
    expect(takeAll(line)).toEqual(['instance.a/3'])
  })

  test('namespaces take turns', () => {
    const line = new FairLine({ placeOf, slots: { ...FEW, instance: 100 } })
    for (const key of ['instance.a/1', 'instance.a/2', 'instance.a/3', 'instance.b/1', 'instance.b/2'])
      line.add(key, 0, ORDINARY)
    expect(takeAll(line)).toEqual(['instance.a/1', 'instance.b/1', 'instance.a/2', 'instance.b/2', 'instance.a/3'])
  })

  test('one kind’s slots are not another’s', () => {
    const line = lineOf('image.a/1', 'image.b/1', 'image.c/1', 'volume.a/1', 'instance.a/1')
    expect(takeAll(line)).toEqual(['volume.a/1', 'image.a/1', 'image.b/1', 'instance.a/1'])
    expect(line.waiting()).toEqual({ urgent: 0, ordinary: 1, oldestMs: 0 })
  })

  test('what others wait for goes before them', () => {
    const line = lineOf('instance.a/1', 'image.a/1', 'volume.a/1', 'port.a/1', 'node.a/1')
    expect(takeAll(line)).toEqual(['node.a/1', 'port.a/1', 'volume.a/1', 'image.a/1', 'instance.a/1'])
  })

  test('who waits, since when, and nobody after an end', () => {
    const line = new FairLine({ placeOf, slots: FEW })
    line.add('instance.a/1', 7, ORDINARY)
    line.add('port.b/1', 5, URGENT)
    line.add('port.b/2', 6, ORDINARY)
    expect(line.waiting()).toEqual({ urgent: 1, ordinary: 2, oldestMs: 5 })
    line.add('instance.a/1', 9, ORDINARY)
    line.take()
    expect(line.waiting()).toEqual({ urgent: 0, ordinary: 2, oldestMs: 6 })
    line.clear()
    expect([line.waiting(), line.size, line.take()]).toEqual([
      { urgent: 0, ordinary: 0, oldestMs: undefined },
      0,
      undefined,
    ])
  })

  test('the slots of the product: a machine hangs for each of a namespace’s half of them', () => {
    const line = new FairLine({ placeOf })
    for (const kind of DOCUMENT_KINDS) for (let i = 0; i < 40; i++) line.add(`${kind}.ns${i}/1`, 0, ORDINARY)
    const taken = takeAll(line).map((key) => key.split('.')[0])
    const counts = Object.fromEntries(
      DOCUMENT_KINDS.map((kind) => [kind, taken.filter((other) => other === kind).length]),
    )
    expect(counts).toEqual(SLOTS)
    expect(SLOTS).toMatchObject({ node: 2, image: 8, volume: 16, port: 16, instance: 24 })
  })

  test('what is urgent goes first and needs no slot that others hold', () => {
    const line = lineOf('instance.a/1', 'instance.b/1', 'instance.c/1', 'instance.d/1')
    expect(takeAll(line)).toHaveLength(4)
    line.add('instance.a/9', 0, ORDINARY)
    line.add('instance.a/2', 0, URGENT)
    expect(takeAll(line)).toEqual(['instance.a/2'])
  })

  test('what becomes urgent while it waits moves up, keeps its time, and does not fall back', () => {
    const line = lineOf()
    line.add('port.a/1', 5, ORDINARY)
    line.add('instance.a/1', 6, ORDINARY)
    line.add('instance.a/1', 7, URGENT)
    line.add('instance.a/1', 8, ORDINARY)
    expect(line.size).toBe(2)
    expect(line.take()).toEqual(['instance.a/1', 6])
    expect(line.take()).toEqual(['port.a/1', 5])
    expect(line.take()).toBeUndefined()
  })

  test('a kind that there is no lane for is nobody’s to wait in', () => {
    expect(() => lineOf('router.a/1')).toThrow('no lane for documents of kind router')
  })

  test('who waits already keeps its place', () => {
    const line = new FairLine({ placeOf, slots: { ...FEW, instance: 100 } })
    for (const key of ['instance.a/1', 'instance.a/2', 'instance.a/1']) line.add(key, 0, ORDINARY)
    expect(takeAll(line)).toEqual(['instance.a/1', 'instance.a/2'])
  })

  test('what is urgent already keeps its place when it is urgent again', () => {
    const line = lineOf()
    for (const key of ['instance.a/1', 'instance.a/2', 'instance.a/1']) line.add(key, 0, URGENT)
    expect(takeAll(line)).toEqual(['instance.a/1', 'instance.a/2'])
  })

  test('a run that leaves its slot gives it up once', () => {
    const line = lineOf('image.a/1', 'image.a/2')
    expect(takeAll(line)).toEqual(['image.a/1'])
    line.ended('image.a/1')
    line.ended('image.a/1')
    expect(takeAll(line)).toEqual(['image.a/2'])
    line.add('image.a/3', 0, ORDINARY)
    expect(takeAll(line)).toEqual([])
  })

  test('whatever comes and ends: never more than the slots, nobody with none is kept out by one with many, all are served', () => {
    const key = fc
      .tuple(
        fc.constantFrom('image', 'volume', 'instance'),
        fc.constantFrom('a', 'b', 'c'),
        fc.integer({ min: 0, max: 4 }),
      )
      .map(([kind, namespace, name]) => `${kind}.${namespace}/${name}`)
    const step = fc.oneof(
      fc.record({ add: key, urgent: fc.boolean() }),
      fc.record({ end: fc.nat(30) }),
      fc.constant({ take: true as const }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const line = lineOf()
        const running: { key: string; urgent: boolean }[] = []
        const urgent = new Map<string, boolean>()
        const take = () => {
          const [next] = line.take() ?? []
          if (next === undefined) return false
          running.push({ key: next, urgent: urgent.get(next) === true })
          urgent.delete(next)
          return true
        }
        for (const s of steps) {
          if ('add' in s) {
            if (running.some((r) => r.key === s.add)) continue
            line.add(s.add, 0, s.urgent ? URGENT : ORDINARY)
            urgent.set(s.add, s.urgent || urgent.get(s.add) === true)
          } else if ('end' in s) {
            const [over] = running.splice(s.end, 1)
            if (over) line.ended(over.key)
          } else take()
          for (const kind of ['image', 'volume', 'instance'] as const) {
            for (const isUrgentRun of [true, false]) {
              const held = running.filter((r) => r.urgent === isUrgentRun && r.key.startsWith(kind)).length
              expect(held).toBeLessThanOrEqual(FEW[kind])
            }
          }
        }
        for (let rounds = 0; rounds < 200 && (line.size > 0 || running.length > 0); rounds++) {
          while (take());
          const over = running.shift()
          if (over) line.ended(over.key)
        }
        expect([line.size, running.length]).toEqual([0, 0])
        expect(line.waiting()).toEqual({ urgent: 0, ordinary: 0, oldestMs: undefined })
      }),
    )
  })
})

describe('what is urgent', () => {
  const machine = instanceDocument()
  const other = (spec: object, more: object = {}): DesiredDocument => ({
    ...machine,
    ...more,
    spec: { ...machine.spec, ...spec },
  })
  test.each<[string, DesiredDocument, DesiredDocument | undefined, boolean]>([
    ['a tombstone', tombstoneOf(machine), machine, true],
    ['a tombstone of what was never known', tombstoneOf(machine), undefined, true],
    ['a new machine', machine, undefined, false],
    ['a machine that is to stop', other({ runState: 'Stopped' }), machine, true],
    ['a machine that may start after a reboot', other({}, { grantedBootId: 'another' }), machine, true],
    ['a machine with other metadata', other({ metadata: { a: 'b' } }), machine, false],
    ['a machine after its tombstone', machine, tombstoneOf(machine), false],
    ['the node’s own document', { ...machine, kind: 'node', spec: { roles: {} } }, undefined, true],
    [
      'a port',
      { ...machine, kind: 'port', spec: { runState: 'Stopped' } } as unknown as DesiredDocument,
      machine,
      false,
    ],
    [
      'a machine whose uid was a port’s',
      other({ runState: 'Stopped' }),
      { ...machine, kind: 'port' } as unknown as DesiredDocument,
      false,
    ],
    ['the same machine', machine, machine, false],
  ])('%s', (_name, document, before, expected) => {
    expect(isUrgent(document, before)).toBe(expected)
  })

  test.each<[string, DesiredDocument, boolean, boolean]>([
    ['a tombstone ends all work', tombstoneOf(machine), false, true],
    ['another spec ends what may last', other({ metadata: { a: 'b' } }), true, true],
    ['a tombstone ends a tombstone’s work that may last too', tombstoneOf(machine), true, true],
    ['another spec lets what is short end by itself', other({ metadata: { a: 'b' } }), false, false],
    [
      'the same spec of a later leader ends nothing',
      { ...machine, versions: { ...machine.versions, term: 9 } },
      true,
      false,
    ],
  ])('%s', (_name, next, isLong, expected) => {
    expect(endsRun(machine, next, isLong)).toBe(expected)
  })

  test('other readers of a copy do not end its download, another source and other bytes do', () => {
    const { v, node, name, versions, uid } = machine
    const spec = { store: 'main', sha256: 'a'.repeat(64), sizeBytes: 1, format: 'raw' as const, readers: [] }
    const copyOf = (more: object): DesiredDocument => ({
      ...{ v, node, name, versions, uid, kind: 'imagecopy', tombstone: false },
      spec: { ...spec, ...more },
    })
    const readers = [{ node: 'n2', key: 'a'.repeat(40) }]
    const from = { node: 'n2', url: 'https://10.0.0.2:10899/images/x' }
    const ends = (next: object) => endsRun(copyOf({}), copyOf(next), true)
    expect([ends({ readers }), ends({ from, readers }), ends({ sha256: 'b'.repeat(64) })]).toEqual([false, true, true])
  })

  test('a machine that is wanted again does not end the work of its tombstone, another tombstone does', () => {
    const old = tombstoneOf(machine)
    expect([endsRun(old, machine, true), endsRun(old, old, false)]).toEqual([false, true])
  })
})
