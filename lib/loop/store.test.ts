// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Interner } from './intern.ts'
import { isLaterVersion } from './resource-version.ts'
import { sameJson } from './same-json.ts'
import { ObjectStore } from './store.ts'
import type { Widget } from './test-kind.ts'

describe('isLaterVersion', () => {
  test('compares as numbers of any size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.bigInt({ min: 0n, max: 10n ** 30n }), (a, b) => {
        expect(isLaterVersion(String(a), String(b))).toBe(a > b)
      }),
    )
  })
})

describe('sameJson', () => {
  test('agrees with what JSON makes of both', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(sameJson(a, JSON.parse(JSON.stringify(a)))).toBe(true)
        if (sameJson(a, b)) expect(b).toEqual(a)
      }),
    )
  })
  test.each([
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: undefined, b: 2 }, { b: 2, c: undefined }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [[1, 2], [2, 1], false],
    [[], {}, false],
    [null, {}, false],
    [undefined, undefined, true],
  ])('%j and %j: %s', (a, b, same) => {
    expect(sameJson(a, b)).toBe(same)
    expect(sameJson(b, a)).toBe(same)
  })
})

describe('Interner', () => {
  test('makes equal strings one and leaves the rest as it is', () => {
    const interner = new Interner()
    const make = () =>
      JSON.parse('{"a":"some longer text","list":["some longer text",{"n":1,"x":null}],"uid":"u"}') as object
    expect(interner.intern(make())).toEqual(make())
  })
})

describe('ObjectStore', () => {
  const action = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    owners: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')),
    remove: fc.boolean(),
  })
  test('indexes always say what a walk over all objects says', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const store = new ObjectStore<Widget>({ owner: (o) => Object.keys(o.metadata.labels ?? {}) })
        actions.forEach(({ name, owners, remove }, i) => {
          const uid = `uid-${name}`
          if (remove) store.remove(`one/${name}`, uid)
          else {
            const labels = Object.fromEntries(owners.map((o) => [o, '']))
            store.put({ metadata: { name, namespace: 'one', uid, resourceVersion: String(i + 1), labels } })
          }
          for (const owner of ['x', 'y', 'z']) {
            const walked = store.list().filter((o) => o.metadata.labels?.[owner] === '')
            expect(new Set(store.listBy('owner', owner))).toEqual(new Set(walked))
            expect(store.countBy('owner', owner)).toBe(walked.length)
          }
          for (const object of store.list()) expect(store.findByUid(object.metadata.uid)).toBe(object)
          expect([...store.keys()]).toHaveLength(store.size)
        })
      }),
    )
  })

  test('an older object, or the removal of another of the same name, changes nothing', () => {
    const store = new ObjectStore<Widget>()
    const at = (resourceVersion: string, uid = 'u') => ({
      metadata: { name: 'a', namespace: 'one', uid, resourceVersion },
    })
    expect(store.put(at('10'))).toBeDefined()
    expect(store.put(at('9'))).toBeUndefined()
    expect(store.put(at('10'))).toBeUndefined()
    expect(store.put(at('12', 'v'))).toMatchObject({ old: { metadata: { uid: 'u' } } })
    expect(store.findByUid('u')).toBeUndefined()
    expect(store.remove('one/a', 'u')).toBeUndefined()
    expect(store.put(at('3', 'v'), true)).toBeDefined()
    expect(store.find('one', 'a')?.metadata.resourceVersion).toBe('3')
  })
})
