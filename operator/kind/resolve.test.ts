// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Flavor, Image, Instance } from '../../lib/api/types.ts'
import { memoryWorld, stored } from '../testing/memory-deps.ts'
import { flavor as flavorOf, image as imageOf } from '../controllers/instance/kind.ts'
import { isPublicTo, isSharedWith, resolveOnly } from './resolve.ts'
import { listNames } from './holders.ts'

const SOURCE = { source: { http: { url: 'http://x/y' } }, format: 'qcow2' as const }
const image = (spec: object = {}, more: object = {}) =>
  stored<Image>('guest', { ...SOURCE, ...spec }, { namespace: 'theirs', ...more })

describe('who may use an object of another namespace', () => {
  test.each<[object, boolean]>([
    [{}, false],
    [{ visibility: 'public' }, true],
    [{ visibility: 'private', sharedWith: [{ namespace: 'ours' }] }, false],
    [{ visibility: 'shared', sharedWith: [{ namespace: 'ours' }] }, true],
    [{ sharedWith: [{ namespace: 'ours' }] }, true],
    [{ sharedWith: [{ namespace: 'other' }, { namespace: 'ours' }] }, true],
    [{ sharedWith: [{ namespace: 'other' }] }, false],
    [{ sharedWith: [{ namespace: '*' }] }, true],
    [{ sharedWith: [] }, false],
  ])('%j: ours %s, its own always', (spec, isOurs) => {
    expect([isSharedWith(image(spec), 'ours'), isSharedWith(image(spec), 'theirs')]).toEqual([isOurs, true])
  })
  test.each<[object, boolean]>([
    [{}, true],
    [{ public: true }, true],
    [{ public: false }, false],
    [{ public: false, sharedWith: [{ namespace: 'other' }] }, false],
    [{ public: false, sharedWith: [{ namespace: 'ours' }] }, true],
    [{ public: false, sharedWith: [{ namespace: '*' }] }, true],
  ])('an object without a namespace, %j: %s', (spec, isOurs) => expect(isPublicTo(spec, 'ours')).toBe(isOurs))
})

describe('a reference', () => {
  const user = (imageRef: { name: string; namespace?: string }) =>
    stored<Instance>('vm', { flavorRef: { name: 'small' }, imageRef }, { namespace: 'ours' })
  const ask = (
    object: Image | undefined,
    { isKept = false, isGranted = false } = {},
    namespace: string | null = 'theirs',
  ) => {
    const w = memoryWorld()
    if (object) w.put('images', object)
    const ref = { name: 'guest', ...(namespace === null ? {} : { namespace }) }
    const reference = { ...imageOf, isKept: () => isKept, isGranted: () => isGranted }
    const answer = resolveOnly(reference, user(ref), w.deps.caches)
    return answer.ok ? answer.object.metadata.name : answer.outcome
  }
  const shared = { sharedWith: [{ namespace: 'ours' }] }
  const foreign =
    'Image theirs/guest in spec.imageRef does not exist or is not shared with namespace ours (its spec.sharedWith): create it, or have it shared, and this goes on by itself'
  const wait = (reason: string, message: unknown) => ({ kind: 'wait', reason, message })
  test('leads to what exists and is shared', () => {
    expect(ask(image(shared))).toBe('guest')
    expect(ask(image({}, { namespace: 'ours' }), {}, null)).toBe('guest')
    expect(ask(image({}, { namespace: 'ours' }), {}, 'ours')).toBe('guest')
  })
  test('that leads nowhere says the same of what is not there and of what is not shared', () => {
    expect(ask(undefined)).toEqual(wait('ImageNotFound', foreign))
    expect(ask(image())).toEqual(wait('ImageNotFound', foreign))
    const own = 'Image ours/guest in spec.imageRef does not exist: create it, and this goes on by itself'
    for (const namespace of [null, 'ours']) {
      expect(ask(undefined, {}, namespace)).toEqual(wait('ImageNotFound', own))
    }
  })
  test('that was granted before is kept when sharing is taken back, and only then', () => {
    expect(ask(image(), { isGranted: true })).toBe('guest')
    expect(ask(image(), { isGranted: false })).toMatchObject({ reason: 'ImageNotFound' })
  })
  test('to what is being deleted is for those who have it', () => {
    const going = image(shared, { deleted: true })
    expect(ask(going)).toEqual(wait('ImageDeleting', expect.stringContaining('accepts no new users')))
    expect(ask(going, { isKept: true })).toBe('guest')
    expect(ask(image({}, { deleted: true }), { isKept: true })).toMatchObject({ reason: 'ImageNotFound' })
  })
  test('to a kind without a namespace: the same', () => {
    const w = memoryWorld()
    const flavor = (deleted: boolean) =>
      w.put('flavors', stored<Flavor>('small', { vcpus: 1, memoryMiB: 1, rootDiskGiB: 1 }, { namespace: '', deleted }))
    const reason = (isKept?: boolean) => {
      const reference = { ...flavorOf, ...(isKept === undefined ? {} : { isKept: () => isKept }) }
      const answer = resolveOnly(reference, user({ name: 'guest' }), w.deps.caches)
      return answer.ok || answer.outcome.kind !== 'wait' ? answer.ok : answer.outcome.reason
    }
    expect(reason()).toBe('FlavorNotFound')
    flavor(false)
    expect(reason()).toBe(true)
    flavor(true)
    expect([reason(), reason(false), reason(true)]).toEqual(['FlavorDeleting', 'FlavorDeleting', true])
  })
})

test.each([
  [[], ''],
  [['b', 'a'], 'a, b'],
  [['c', 'b', 'a'], 'a, b, c'],
  [['d', 'c', 'b', 'a'], 'a, b, c and 1 more'],
])('names of %j, for people: %s', (names, text) => expect(listNames(names)).toBe(text))
