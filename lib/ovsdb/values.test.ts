// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { applyMapDifference, applySetDifference, TableCache } from './table-cache.ts'
import {
  canonical,
  isSameValue,
  mapOf,
  readMap,
  readNumber,
  readSet,
  readString,
  readStrings,
  readUuids,
  setOf,
  uuidOf,
  type OvsValue,
} from './values.ts'

describe('values', () => {
  test.each<[OvsValue, OvsValue, boolean]>([
    ['a', setOf(['a']), true],
    [setOf(['a', 'b']), setOf(['b', 'a']), true],
    [setOf([]), setOf(['a']), false],
    ['1', 1, false],
    [uuidOf('x'), setOf([uuidOf('x')]), true],
    [
      mapOf({ a: '1', b: '2' }),
      [
        'map',
        [
          ['b', '2'],
          ['a', '1'],
        ],
      ],
      true,
    ],
    [mapOf({ a: '1' }), mapOf({ a: '2' }), false],
    [mapOf({}), setOf([]), false],
  ])('%j same as %j: %s', (a, b, same) => expect(isSameValue(a, b)).toBe(same))

  test('readers take wrapped and unwrapped', () => {
    expect(readStrings('a')).toEqual(['a'])
    expect(readStrings(setOf(['a', 1, 'b']))).toEqual(['a', 'b'])
    expect(readString(setOf([]))).toBeUndefined()
    expect(readNumber(setOf([7]))).toBe(7)
    expect(readUuids(uuidOf('u'))).toEqual(['u'])
    expect(readUuids(setOf([uuidOf('u'), uuidOf('v')]))).toEqual(['u', 'v'])
    expect(() => readSet(mapOf({}))).toThrow(TypeError)
  })
  test('a key __proto__ stays data', () => {
    const map = readMap([
      'map',
      [
        ['__proto__', 'x'],
        ['a', 'b'],
      ],
    ])
    expect(Object.entries(map)).toEqual([
      ['__proto__', 'x'],
      ['a', 'b'],
    ])
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })
})

describe('differences of update2', () => {
  const strings = fc.uniqueArray(fc.string())
  test('of sets: the difference leads from the one to the other', () => {
    fc.assert(
      fc.property(strings, strings, (a, b) => {
        const difference = [...a.filter((x) => !b.includes(x)), ...b.filter((x) => !a.includes(x))]
        expect(canonical(applySetDifference(setOf(a), setOf(difference)))).toBe(canonical(setOf(b)))
      }),
    )
  })
  test('of maps: same pair goes, other value changes, new key comes', () => {
    const old = mapOf({ gone: '1', changed: '2', kept: '3' })
    const difference = mapOf({ gone: '1', changed: '9', added: '4' })
    expect(canonical(applyMapDifference(old, difference))).toBe(
      canonical(mapOf({ changed: '9', kept: '3', added: '4' })),
    )
  })
  test('a cache fills in defaults, replaces optional columns and survives an unknown delete', () => {
    const cache = new TableCache(
      'T',
      new Map([
        ['name', { shape: 'one' as const, default: '' }],
        ['tag', { shape: 'optional' as const, default: setOf([]) }],
        ['ports', { shape: 'set' as const, default: setOf([]) }],
      ]),
    )
    cache.apply('1', { insert: { ports: 'a' } })
    expect(cache.rows.get('1')).toEqual({ name: '', tag: setOf([]), ports: 'a' })
    cache.apply('1', { modify: { tag: 5, ports: setOf(['a', 'b']) } })
    expect(cache.rows.get('1')).toEqual({ name: '', tag: 5, ports: setOf(['b']) })
    expect(cache.apply('1', { modify: { tag: 6 } })?.after?.['tag']).toBe(6)
    expect(cache.apply('2', { delete: null })).toBeUndefined()
    expect(cache.apply('1', { delete: null })?.before?.['tag']).toBe(6)
    expect(() => cache.apply('3', { modify: {} })).toThrow('unknown row')
  })
})
