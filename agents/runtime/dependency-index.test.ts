// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DependencyIndex } from './dependency-index.ts'

test('whatever is set and removed: who depends on a key are those that need it now', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.record({ key, needs: fc.option(fc.uniqueArray(key), { nil: undefined }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const index = new DependencyIndex()
      const needs = new Map<string, readonly string[]>()
      for (const s of steps) {
        if (s.needs) index.set(s.key, s.needs)
        else index.remove(s.key)
        needs.set(s.key, s.needs ?? [])
        for (const k of ['a', 'b', 'c', 'd']) {
          const expected = [...needs].filter(([, of]) => of.includes(k)).map(([name]) => name)
          expect([...index.dependentsOf(k)].sort()).toEqual(expected.sort())
        }
      }
    }),
  )
})

test('the answer does not change with the index', () => {
  const index = new DependencyIndex()
  index.set('vm', ['port'])
  const dependents = index.dependentsOf('port')
  index.set('vm', [])
  expect(dependents).toEqual(['vm'])
})
