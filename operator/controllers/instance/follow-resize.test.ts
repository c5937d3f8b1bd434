// SPDX-License-Identifier: Apache-2.0
// Resize, one look at a time: what is claimed, what is given back, and what of a node's report counts.
import { describe, expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { ObservedFacts } from '../../../lib/contract/documents.ts'
import { claimOf } from '../common/machine-claims.ts'
import { machine, machineWorld, parts, runs, setSize } from '../../testing/machine-world.ts'
import type { MemoryWorld } from '../../testing/memory-deps.ts'
import type { Admitted } from './admitted.ts'
import { chooseSize } from './flavor.ts'
import { dropResize, followResize } from './resize.ts'

const SMALL = { name: 'small', vcpus: 1, memoryMiB: 256, rootDiskGiB: 1, ephemeralGiB: 0, swapMiB: 0 }
const BIG = { ...SMALL, name: 'big', vcpus: 2, memoryMiB: 512, rootDiskGiB: 3 }
const CAPACITY = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }

function world(): MemoryWorld {
  const w = machineWorld()
  w.put('flavors', parts.flavor('big', { vcpus: 2, memoryMiB: 512, rootDiskGiB: 3 }))
  return w
}
const vm = (name: string, status: Instance['status'] = {}) =>
  machine({ flavorRef: { name } }, { status: { node: 'c1', epoch: 2, flavor: SMALL, ...status } })
/** One look. @returns whether something is to be saved first */
function follow(w: MemoryWorld, i: Instance, requireKvm = false): boolean {
  const image = parts.image()
  const size = chooseSize(i, image, w.deps)
  if (!size.ok) throw new Error('no size')
  const { now, wish } = size.object
  const isNew = followResize(i, { now, wish, requireKvm, image } as Admitted, w.deps, w.run)
  return isNew
}
const pending = (i: Instance) => findCondition(i.status?.conditions, 'ResizePending')?.reason
const claimed = (w: MemoryWorld) => w.deps.scheduler.findClaim('uid-vm')?.map(({ amounts }) => amounts.vcpus)
const closed = (w: MemoryWorld, capacity = CAPACITY, more: object = {}) =>
  w.deps.scheduler.putNode({ name: 'c1', up: true, hypervisor: 'libvirt', zone: 'c1', capacity, ...more })

describe('a claim', () => {
  test('is to be saved once, and asks for no room a second time', () => {
    const w = world()
    const i = vm('big')
    expect(follow(w, i)).toBe(true)
    expect([i.status?.nextFlavor, pending(i), claimed(w)]).toEqual([BIG, 'AtNextStart', [2]])
    // Meanwhile the node became too small for another such claim.
    closed(w, { ...CAPACITY, memoryMiB: 1 })
    expect(follow(w, i)).toBe(false)
    expect([i.status?.nextFlavor, pending(i)]).toEqual([BIG, 'AtNextStart'])
    expect(w.events).toEqual([])
  })

  test('of a Flavor with a TPM is for nodes that have one', () => {
    const w = world()
    const extraSpecs = { 'hw:tpm_version': '2.0' }
    w.put('flavors', parts.flavor('big', { vcpus: 2, memoryMiB: 512, rootDiskGiB: 3, extraSpecs }))
    const i = vm('big')
    follow(w, i)
    expect([i.status?.nextFlavor, pending(i)]).toEqual([undefined, 'NoRoom'])
    closed(w, CAPACITY, { tpmVersions: ['2.0'] })
    follow(w, i)
    expect([i.status?.nextFlavor, pending(i)]).toEqual([{ ...BIG, extraSpecs }, 'AtNextStart'])
  })

  test('of a Flavor that asks for what there is not is refused', () => {
    const w = world()
    const extraSpecs = { 'hw:tpm_version': '1.2' }
    w.put('flavors', parts.flavor('big', { vcpus: 2, memoryMiB: 512, rootDiskGiB: 3, extraSpecs }))
    const i = vm('big')
    follow(w, i)
    expect([i.status?.nextFlavor, pending(i)]).toEqual([undefined, 'UnsupportedProperty'])
  })

  test('follows a Flavor that was made anew with another size, or KVM', () => {
    const w = world()
    const i = vm('big')
    follow(w, i)
    w.put('flavors', parts.flavor('big', { vcpus: 3, memoryMiB: 512, rootDiskGiB: 3 }))
    expect(follow(w, i)).toBe(true)
    expect([i.status?.nextFlavor?.vcpus, claimed(w)]).toEqual([3, [3]])
    closed(w, CAPACITY, { acceleration: 'kvm' })
    w.put(
      'flavors',
      parts.flavor('big', { vcpus: 3, memoryMiB: 512, rootDiskGiB: 3, extraSpecs: { 'hw:require_kvm': 'true' } }),
    )
    expect(follow(w, i)).toBe(true)
    expect(i.status?.nextFlavor?.requireKVM).toBe(true)
    expect(follow(w, i)).toBe(false)
  })

  test('follows another name for the same', () => {
    const w = world()
    w.put('flavors', parts.flavor('large', { vcpus: 2, memoryMiB: 512, rootDiskGiB: 3 }))
    const i = vm('big')
    follow(w, i)
    i.spec.flavorRef = { name: 'large' }
    expect(follow(w, i)).toBe(true)
    expect(i.status?.nextFlavor?.name).toBe('large')
  })

  test('is given back, once that is written, when what is asked for next cannot be had', () => {
    const w = world()
    const i = vm('big')
    follow(w, i)
    w.put('flavors', parts.flavor('huge', { memoryMiB: 90_000 }))
    i.spec.flavorRef = { name: 'huge' }
    expect(follow(w, i)).toBe(true)
    expect([i.status?.nextFlavor, pending(i), claimed(w)]).toEqual([undefined, 'NoRoom', [2]])
    expect(claimOf(i)).toMatchObject([{ amounts: { vcpus: 1 } }])
    expect(w.deps.waitingRoom.size).toBe(1)
    i.spec.flavorRef = { name: 'gone' }
    expect(follow(w, i)).toBe(false)
    expect([pending(i), w.deps.waitingRoom.size]).toEqual(['FlavorNotFound', 0])
    expect(w.events).toEqual(['ResizeRefused', 'ResizeRefused'])
    follow(w, i)
    expect(w.events).toHaveLength(2)
  })

  test('is for the larger of both in each', () => {
    const w = world()
    w.put('flavors', parts.flavor('wide', { vcpus: 3, memoryMiB: 128, rootDiskGiB: 1 }))
    const i = vm('wide')
    follow(w, i)
    const both = w.deps.scheduler.findClaim('uid-vm')
    expect(both).toEqual(
      claimOf({ ...i, status: { ...i.status, nextFlavor: undefined as never, flavor: { ...SMALL, vcpus: 3 } } }).map(
        ({ node, amounts }) => ({ node, amounts: { ...amounts, memoryMiB: expect.any(Number) } }),
      ),
    )
    expect(both?.[0]?.amounts.memoryMiB).toBeGreaterThanOrEqual(256)
  })

  test.each([
    [false, 'AtNextStart'],
    [true, 'NoRoom'],
  ])('of an image that needs KVM (%s) on a node without', (requireKvm, reason) => {
    const w = world()
    const i = vm('big')
    follow(w, i, requireKvm)
    expect(pending(i)).toBe(reason)
  })

  test('counts others', () => {
    const w = world()
    setSize(w, 'c1', 'other', { vcpus: 1, memoryMiB: 3900, diskGiB: 1 })
    const i = vm('big')
    expect(follow(w, i)).toBe(false)
    expect([i.status?.nextFlavor, pending(i)]).toEqual([undefined, 'NoRoom'])
  })
})

describe('another name', () => {
  test('for what it has is taken at once', () => {
    const w = world()
    w.put('flavors', parts.flavor('same'))
    const i = vm('same')
    expect(follow(w, i)).toBe(false)
    expect(i.status).toMatchObject({ flavor: { ...SMALL, name: 'same' } })
    expect(i.status).not.toHaveProperty('nextFlavor')
    expect(pending(i)).toBeUndefined()
  })
  test('for what it has, while another size is on its way, takes that one’s place', () => {
    const w = world()
    w.put('flavors', parts.flavor('same'))
    const i = vm('same', { nextFlavor: BIG })
    expect(follow(w, i)).toBe(true)
    expect(i.status).toMatchObject({ flavor: SMALL, nextFlavor: { ...SMALL, name: 'same' } })
  })
  test('its own, which nobody kept (0.1.0), is written down; another one is not taken for it', () => {
    const unnamed: NonNullable<Instance['status']>['flavor'] = { ...SMALL }
    delete unnamed?.name
    const w = world()
    const own = vm('small', { flavor: unnamed })
    follow(w, own)
    expect(own.status?.flavor).toEqual(SMALL)
    const other = vm('big', { flavor: unnamed })
    expect(follow(w, other)).toBe(true)
    expect(other.status?.flavor).toEqual(unnamed)
    expect(other.status?.nextFlavor).toEqual(BIG)
  })
})

describe('what the node says the machine has', () => {
  const onItsWay = { nextFlavor: BIG }
  test.each<[string, Instance['status'], ObservedFacts, number, object, object | undefined]>([
    ['the next size: it has it', onItsWay, BIG, 2, BIG, undefined],
    ['and a disk that is larger still', onItsWay, { ...BIG, rootDiskGiB: 4 }, 2, BIG, undefined],
    ['with a disk that is smaller: not yet', onItsWay, { ...BIG, rootDiskGiB: 2 }, 2, SMALL, BIG],
    ['with other processors: not yet', onItsWay, { ...BIG, vcpus: 1 }, 2, SMALL, BIG],
    ['with other memory: not yet', onItsWay, { ...BIG, memoryMiB: 256 }, 2, SMALL, BIG],
    ['of the placement before', onItsWay, BIG, 1, SMALL, BIG],
    ['but not how many processors', onItsWay, { memoryMiB: 512, rootDiskGiB: 3 }, 2, SMALL, BIG],
    ['its own size', {}, SMALL, 2, SMALL, undefined],
    ['its own size, on a larger disk', {}, { ...SMALL, rootDiskGiB: 9 }, 2, SMALL, undefined],
    [
      'more processors than it should: used until the next start',
      {},
      { ...SMALL, vcpus: 2 },
      2,
      { ...SMALL, vcpus: 2 },
      SMALL,
    ],
    [
      'more memory, on a larger disk',
      {},
      { ...SMALL, memoryMiB: 512, rootDiskGiB: 3 },
      2,
      { ...SMALL, memoryMiB: 512, rootDiskGiB: 3 },
      SMALL,
    ],
    [
      'more memory, on a smaller disk than it should have',
      {},
      { ...SMALL, memoryMiB: 512, rootDiskGiB: 0 },
      2,
      { ...SMALL, memoryMiB: 512 },
      SMALL,
    ],
    ['more, under the placement before', {}, { ...SMALL, vcpus: 2 }, 1, SMALL, undefined],
    ['more, but not how much memory', {}, { vcpus: 2, rootDiskGiB: 1 }, 2, SMALL, undefined],
    ['more, but not how many processors', {}, { memoryMiB: 512, rootDiskGiB: 1 }, 2, SMALL, undefined],
    ['more, but not how large its disk is', {}, { vcpus: 2, memoryMiB: 512 }, 2, SMALL, undefined],
    ['nothing', {}, {}, 2, SMALL, undefined],
  ])('%s', (_, status, facts, epoch, flavor, nextFlavor) => {
    const w = world()
    const i = vm(nextFlavor === BIG || status === onItsWay ? 'big' : 'small', status)
    runs(w, { ...i, status: { ...i.status, epoch } }, { facts })
    // As the next look sees it: the wish is looked at after the report.
    follow(w, i)
    expect(i.status?.flavor).toEqual(flavor)
    expect(i.status?.nextFlavor).toEqual(nextFlavor)
  })
})

test('nothing is left of the condition when the machine moves, and others stay', () => {
  const condition = { status: 'True' as const, reason: 'r', message: 'm', lastTransitionTime: 't' }
  const i = vm('small', {
    conditions: [
      { type: 'ResizePending', ...condition },
      { type: 'Admitted', ...condition },
    ],
  })
  dropResize(i)
  expect(i.status?.conditions?.map(({ type }) => type)).toEqual(['Admitted'])
  const bare = machine()
  dropResize(bare)
  expect(bare.status).toBeUndefined()
})
