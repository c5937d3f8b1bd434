// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Interner } from './intern.ts'
import { isLaterVersion } from './resource-version.ts'
import { sameJson } from '../loop/same-json.ts'
import { ObjectStore } from './store.ts'
import type { Widget } from '../loop/test-kind.ts'

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
    [[1, 2], [1, 2, 3], false],
    [[undefined], [null], false],
    [{ a: [{ b: 1 }] }, { a: [{ b: 1 }] }, true],
    [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }, false],
    [{ a: {} }, { a: 1 }, false],
    [{ a: 1, b: 1 }, { a: 1, c: 1 }, false],
    [1, '1', false],
    [{ 0: 1 }, [1], false],
    [null, null, true],
    [{ a: null }, {}, false],
    [{ length: 0 }, [], false],
  ])('%j and %j: %s', (a, b, same) => {
    expect(sameJson(a, b)).toBe(same)
    expect(sameJson(b, a)).toBe(same)
  })
})

describe('indexes that are added, and asked for, later', () => {
  const at = (name: string, owner: string, resourceVersion = '1') => ({
    metadata: { name, namespace: 'one', uid: `uid-${name}`, resourceVersion, labels: { owner } },
  })
  const owner = (o: Widget) => [o.metadata.labels?.['owner'] ?? '']

  test('know what is there already, and each name once', () => {
    const store = new ObjectStore<Widget>()
    for (const name of ['a', 'b', 'c']) store.put(at(name, 'x'))
    store.addIndexes({ owner })
    expect([store.countBy('owner', 'x'), store.countBy('owner', 'nobody'), store.size]).toEqual([3, 0, 3])
    expect(store.listBy('owner', 'nobody')).toEqual([])
    expect(() => store.addIndexes({ owner })).toThrow('index owner is declared twice')
    expect(() => store.countBy('name', 'a')).toThrow('no index name')
  })

  test('what one object says twice counts once', () => {
    const store = new ObjectStore<Widget>({ owner: () => ['x', 'x'] })
    store.put(at('a', 'x'))
    expect([store.countBy('owner', 'x'), store.listBy('owner', 'x').length]).toEqual([1, 1])
    store.remove('one/a', 'uid-a')
    expect([store.countBy('owner', 'x'), store.findByUid('uid-a'), store.size]).toEqual([0, undefined, 0])
  })

  test('a change says what was before, a removal what went', () => {
    const store = new ObjectStore<Widget>()
    const [first, second] = [at('a', 'x'), at('a', 'y', '2')]
    expect(store.put(first)).toEqual({ old: undefined, object: first })
    expect(store.put(second)).toEqual({ old: first, object: second })
    expect(store.remove('one/a', 'uid-a')).toEqual({ old: second, object: undefined })
    expect(store.remove('one/a', 'uid-a')).toBeUndefined()
    expect(store.findByKey('one/a')).toBeUndefined()
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

  test.each(['removed first', 'taken over'])(
    'a name that another object has now, %s: the one before is found no more',
    (how) => {
      const store = new ObjectStore<Widget>()
      const at = (uid: string, resourceVersion: string) => ({
        metadata: { name: 'a', namespace: 'one', uid, resourceVersion },
      })
      store.put(at('u', '1'))
      expect(store.findByUid('u')?.metadata.uid).toBe('u')
      if (how === 'removed first') {
        store.remove('one/a', 'u')
        expect(store.findByUid('u')).toBeUndefined()
      }
      store.put(at('v', '2'))
      expect([store.findByUid('u'), store.findByUid('v')?.metadata.uid]).toEqual([undefined, 'v'])
    },
  )

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
