// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Interner } from './intern.ts'

test('what comes out equals what went in, whatever it is', () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue())), (objects) => {
      const interner = new Interner()
      for (const object of objects) {
        const before = structuredClone(object)
        expect(interner.intern(object)).toEqual(before)
      }
    }),
  )
})

test('equal parts of a spec become one, other values stay apart', () => {
  const interner = new Interner()
  const make = (name: string) => ({ spec: { flavorRef: { name }, networks: [{ networkRef: { name: 'net' } }] } })
  const [one, two, other] = ['small', 'small', 'large'].map((name) => interner.shareSpec(make(name)))
  expect(two!.spec.flavorRef).toBe(one!.spec.flavorRef)
  expect(two!.spec.networks).toBe(one!.spec.networks)
  expect(other!.spec.flavorRef).toEqual({ name: 'large' })
  expect(interner.shareSpec<{ spec?: unknown }>({})).toEqual({})
})
