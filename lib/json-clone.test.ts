// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cloneJson } from './json-clone.ts'

test('a copy says the same, and nothing of it is shared', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: unknown = JSON.parse(text)
      const copied = cloneJson(value)
      expect(JSON.stringify(copied)).toBe(JSON.stringify(value))
      expect(sharedParts(value, copied)).toEqual([])
    }),
  )
})

test('a key that users name __proto__ stays a key', () => {
  const value = JSON.parse('{"metadata":{"__proto__":{"admin":true},"a":1}}') as { metadata: object }
  const copied = cloneJson(value)
  expect(JSON.stringify(copied)).toBe(JSON.stringify(value))
  expect(Object.getPrototypeOf(copied.metadata)).toBe(Object.prototype)
  expect('admin' in copied.metadata).toBe(false)
})

test('what a projection set to undefined stays so', () => {
  expect(Object.keys(cloneJson({ a: undefined, b: 1 }))).toEqual(['a', 'b'])
})

function sharedParts(a: unknown, b: unknown): unknown[] {
  if (typeof a !== 'object' || a === null) return []
  if (a === b) return [a]
  return Object.keys(a).flatMap((key) =>
    sharedParts((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}
