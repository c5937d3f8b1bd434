// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Multimap } from './multimap.ts'

const steps = fc.array(fc.tuple(fc.boolean(), fc.constantFrom('a', 'b'), fc.nat(3)))

test('it is a Map of Sets', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const model = new Map<string, Set<number>>()
      const map = new Multimap<number>()
      for (const [isAdded, key, value] of all) {
        const held = model.get(key) ?? new Set()
        if (isAdded) {
          model.set(key, held.add(value))
          map.add(key, value)
        } else {
          expect(map.delete(key, value)).toBe(held.delete(value))
          if (held.size === 0) model.delete(key)
        }
        expect(map.size).toBe(model.size)
        for (const name of ['a', 'b']) {
          const values = [...(model.get(name) ?? [])]
          expect(map.get(name)).toEqual(values)
          expect(map.count(name)).toBe(values.length)
          expect([0, 1, 2, 3].filter((n) => map.has(name, n))).toEqual(values.toSorted())
        }
      }
    }),
  )
})

test('0 and an empty text are values', () => {
  const numbers = new Multimap<number>()
  numbers.add('a', 0)
  expect([numbers.get('a'), numbers.count('a'), numbers.delete('a', 0), numbers.count('a')]).toEqual([[0], 1, true, 0])
  const texts = new Multimap()
  texts.add('a', '')
  expect([texts.get('a'), texts.has('a', ''), texts.has('b', '')]).toEqual([[''], true, false])
})
