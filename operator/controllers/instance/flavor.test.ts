// SPDX-License-Identifier: Apache-2.0
// The size that a machine gets, has, and wishes for.
import { describe, expect, test } from '@jest/globals'
import type { Flavor, Image } from '../../../lib/api/types.ts'
import { machine, parts } from '../../testing/machine-world.ts'
import { memoryWorld } from '../../testing/memory-deps.ts'
import { chooseSize, isSameSize, toStatusFlavor, type StatusFlavor } from './flavor.ts'

const GIB = 1024 ** 3
const SIZE = { vcpus: 1, memoryMiB: 256, rootDiskGiB: 2, ephemeralGiB: 2, swapMiB: 0 }

interface Asked {
  flavors?: readonly Flavor[]
  image?: Image
  ref?: string
  status?: { flavor?: StatusFlavor; nextFlavor?: StatusFlavor }
}

function choose({ flavors = [], image = parts.image(), ref = 'small', status }: Asked) {
  const world = memoryWorld()
  for (const flavor of flavors) world.put('flavors', flavor)
  const instance = machine({ flavorRef: { name: ref } }, status ? { status: { epoch: 1, node: 'c1', ...status } } : {})
  return chooseSize(instance, image, world.deps)
}

describe('before the first placement it is what the Flavor comes to', () => {
  test.each<[string, Partial<Flavor['spec']>, Partial<Image['spec']>, number | undefined, number]>([
    ['its own root disk', { rootDiskGiB: 4 }, { minDiskGiB: 3 }, 3 * GIB, 4],
    ['one that is just large enough', { rootDiskGiB: 3 }, { minDiskGiB: 3 }, 3 * GIB, 3],
    ['none named: what the image asks for', { rootDiskGiB: 0 }, { minDiskGiB: 3 }, 2 * GIB, 3],
    ['none named: what the image is, rounded up', { rootDiskGiB: 0 }, { minDiskGiB: 2 }, 2 * GIB + 1, 3],
    ['none named: what the image is, to the byte', { rootDiskGiB: 0 }, {}, 2 * GIB, 2],
    ['none named, and nobody knows more', { rootDiskGiB: 0 }, {}, undefined, 0],
  ])('root disk: %s', (_, flavor, image, virtualSizeBytes, rootDiskGiB) => {
    const status = { sha256: 'a', ...(virtualSizeBytes === undefined ? {} : { virtualSizeBytes }) }
    const chosen = choose({ flavors: [parts.flavor('small', flavor)], image: parts.image(image, { status }) })
    expect(chosen).toMatchObject({ ok: true, object: { now: { size: { rootDiskGiB } } } })
  })

  test('a Flavor that does not name its root disk leaves it to the image', () => {
    const flavor = parts.flavor()
    delete flavor.spec.rootDiskGiB
    const image = parts.image({ minDiskGiB: 5 })
    expect(choose({ flavors: [flavor], image })).toMatchObject({ object: { now: { size: { rootDiskGiB: 5 } } } })
  })

  test.each<[Partial<Flavor['spec']>, Partial<Image['spec']>, string | undefined]>([
    [{ memoryMiB: 256 }, { minMemoryMiB: 256 }, undefined],
    [{ memoryMiB: 255 }, { minMemoryMiB: 256 }, 'has 255 MiB of memory, the image needs 256'],
    [{ rootDiskGiB: 2 }, { minDiskGiB: 3 }, 'has a root disk of 2 GiB, the image needs 3'],
  ])('%j for an image with %j', (flavor, image, message) => {
    const attempt = () => choose({ flavors: [parts.flavor('small', flavor)], image: parts.image(image) })
    if (message === undefined) expect(attempt()).toMatchObject({ ok: true })
    else expect(attempt).toThrow(message)
  })

  test('the image’s own size counts as much as what is written of it', () => {
    const image = parts.image({}, { status: { sha256: 'a', virtualSizeBytes: 2 * GIB + 1 } })
    expect(() => choose({ flavors: [parts.flavor('small', { rootDiskGiB: 2 })], image })).toThrow('the image needs 3')
  })

  test('with its other disks and KVM, or without', () => {
    const spec = { ephemeralGiB: 7, swapMiB: 512, extraSpecs: { 'hw:require_kvm': 'true' } }
    expect(choose({ flavors: [parts.flavor('small', spec)] })).toEqual({
      ok: true,
      object: {
        now: {
          flavorName: 'small',
          flavorRequiresKvm: true,
          extraSpecs: {},
          size: { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1, ephemeralGiB: 7, swapMiB: 512 },
        },
      },
    })
    expect(choose({ flavors: [parts.flavor('small', { extraSpecs: { 'hw:require_kvm': 'false' } })] })).toMatchObject({
      object: { now: { flavorRequiresKvm: false, size: { ephemeralGiB: 0, swapMiB: 0 } } },
    })
  })

  test('a Flavor that is missing or not shared is waited for', () => {
    expect(choose({})).toMatchObject({ ok: false, outcome: { reason: 'FlavorNotFound' } })
    const hidden = parts.flavor('small', { public: false, sharedWith: [{ namespace: 'other' }] })
    expect(choose({ flavors: [hidden] })).toMatchObject({ ok: false, outcome: { reason: 'FlavorNotFound' } })
    const shared = parts.flavor('small', { public: false, sharedWith: [{ namespace: 'ns' }] })
    expect(choose({ flavors: [shared] })).toMatchObject({ ok: true })
  })
})

describe('a machine that has a size keeps it, and wishes for another only when another Flavor is named', () => {
  const had = { name: 'small', ...SIZE }
  const big = { name: 'big', ...SIZE, vcpus: 2 }
  const bigFlavor = parts.flavor('big', { ...SIZE, vcpus: 2 })
  const unnamed: StatusFlavor = SIZE
  const has = (size: StatusFlavor, name = 'small') => ({
    flavorName: name,
    size: expect.objectContaining({ vcpus: size.vcpus }),
  })
  test.each<[string, Asked, object, object | undefined]>([
    ['the same Flavor, whatever became of it', { status: { flavor: had } }, has(had), undefined],
    [
      'another one',
      { ref: 'big', status: { flavor: had }, flavors: [bigFlavor] },
      has(had),
      { ok: true, ...has(big, 'big') },
    ],
    [
      'another one, which is on its way already',
      { ref: 'big', status: { flavor: had, nextFlavor: big }, flavors: [bigFlavor] },
      has(big, 'big'),
      { ok: true, ...has(big, 'big') },
    ],
    [
      'its own again, with another on its way: that claim is given up, and nobody asks for the Flavor',
      { status: { flavor: had, nextFlavor: big } },
      has(big, 'big'),
      { ok: true, ...has(had) },
    ],
    [
      'its own, which started with another size: the next is of the same name',
      { status: { flavor: { ...had, vcpus: 3 }, nextFlavor: had } },
      has(had),
      undefined,
    ],
    ['one that is missing', { ref: 'big', status: { flavor: had } }, has(had), { ok: false, reason: 'FlavorNotFound' }],
    [
      'one that can never work',
      { ref: 'big', status: { flavor: had }, flavors: [bigFlavor], image: parts.image({ minMemoryMiB: 257 }) },
      has(had),
      { ok: false, flavorName: 'big', reason: 'FlavorTooSmall' },
    ],
    ['unnamed (0.1.0), its Flavor gone', { status: { flavor: unnamed } }, has(unnamed), undefined],
    [
      'unnamed, its Flavor as it was',
      { status: { flavor: unnamed }, flavors: [parts.flavor('small', SIZE)] },
      has(unnamed),
      undefined,
    ],
    [
      'unnamed, its Flavor of another size now',
      { status: { flavor: unnamed }, flavors: [parts.flavor('small', { ...SIZE, vcpus: 3 })] },
      has(unnamed),
      { ok: true, ...has({ ...SIZE, vcpus: 3 }) },
    ],
    [
      'unnamed, and one with a name on its way',
      {
        ref: 'big',
        status: { flavor: unnamed, nextFlavor: big },
        flavors: [parts.flavor('big', { ...SIZE, vcpus: 2, extraSpecs: { 'hw:require_kvm': 'true' } })],
      },
      { ...has(big, 'big'), flavorRequiresKvm: false },
      { ok: true, ...has(big, 'big'), flavorRequiresKvm: true },
    ],
  ])('%s', (_, asked, now, wish) => {
    const chosen = choose(asked)
    expect(chosen).toMatchObject({ ok: true, object: { now } })
    expect(chosen.ok && chosen.object.wish).toEqual(wish && expect.objectContaining(wish))
  })

  test.each<[Partial<Flavor['spec']>, string | undefined]>([
    [{ rootDiskGiB: 2, ephemeralGiB: 2 }, undefined],
    [{ rootDiskGiB: 3, ephemeralGiB: 3 }, undefined],
    [{ rootDiskGiB: 1, ephemeralGiB: 2 }, 'a root disk of 1 GiB, the machine’s has 2'],
    [{ rootDiskGiB: 2, ephemeralGiB: 1 }, 'an ephemeral disk of 1 GiB, the machine’s has 2'],
  ])('disks grow and never shrink: %j', (spec, message) => {
    const chosen = choose({ ref: 'big', status: { flavor: had }, flavors: [parts.flavor('big', spec)] })
    const wish = chosen.ok ? chosen.object.wish : undefined
    if (message === undefined) expect(wish).toMatchObject({ ok: true })
    else
      expect(wish).toMatchObject({
        ok: false,
        reason: 'DiskCannotShrink',
        message: expect.stringContaining(message.replace('’', "'")),
      })
  })

  test('a machine without a name keeps its KVM, and a first look at its Flavor writes it down', () => {
    const flavors = [parts.flavor('small', { ...SIZE, extraSpecs: { 'hw:require_kvm': 'true' } })]
    expect(choose({ status: { flavor: unnamed }, flavors })).toMatchObject({
      object: { now: { flavorRequiresKvm: true } },
    })
    expect(choose({ status: { flavor: { ...had, requireKVM: true } } })).toMatchObject({
      object: { now: { flavorRequiresKvm: true } },
    })
    expect(choose({ status: { flavor: had } })).toMatchObject({ object: { now: { flavorRequiresKvm: false } } })
  })

  test('what is no word about a Flavor goes up', () => {
    const broken = { caches: { flavors: { findByKey: () => { throw new TypeError('a bug') } } } } // prettier-ignore
    const instance = machine({ flavorRef: { name: 'big' } }, { status: { flavor: had } })
    expect(() => chooseSize(instance, parts.image(), broken as never)).toThrow('a bug')
  })
})

test.each(['vcpus', 'memoryMiB', 'rootDiskGiB', 'ephemeralGiB', 'swapMiB'] as const)(
  'another %s is another size',
  (field) => {
    expect(isSameSize(SIZE, { ...SIZE })).toBe(true)
    expect(isSameSize(SIZE, { ...SIZE, [field]: SIZE[field] + 1 })).toBe(false)
  },
)

test('as the status keeps it, KVM is written where it is asked for', () => {
  const size = { size: SIZE, flavorName: 'small' }
  expect(toStatusFlavor({ ...size, flavorRequiresKvm: true, extraSpecs: {} })).toEqual({
    name: 'small',
    ...SIZE,
    requireKVM: true,
  })
  expect(toStatusFlavor({ ...size, flavorRequiresKvm: false, extraSpecs: {} })).toEqual({ name: 'small', ...SIZE })
  const wishes = { ...size, flavorRequiresKvm: false, extraSpecs: { ssd: 'true' } }
  expect(toStatusFlavor(wishes)).toEqual({ name: 'small', ...SIZE, extraSpecs: { ssd: 'true' } })
})
