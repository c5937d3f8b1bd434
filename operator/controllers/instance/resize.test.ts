// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance, SchedulerProfile } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { ObservedFacts } from '../../../lib/contract/documents.ts'
import { guestOverheadMiB } from '../../../lib/node-room.ts'
import { claimOf } from '../common/machine-claims.ts'
import {
  active,
  CAPACITY,
  machine,
  machineWorld,
  parts,
  putNode,
  runs,
  setSize,
  step,
} from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'

const SMALL = { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }
const BIG = { vcpus: 2, memoryMiB: 512, rootDiskGiB: 3 }
const claimed = (size: { vcpus: number; memoryMiB: number }) => size.memoryMiB + guestOverheadMiB(size)

/** Running with the size of `small`, as its node says too. */
async function running(w: MemoryWorld, spec: Partial<Instance['spec']> = {}): Promise<Instance> {
  w.put('flavors', parts.flavor('big', BIG))
  const i = await active(w, machine(spec))
  w.put('instances', i)
  w.deps.scheduler.confirm(i.metadata.uid, claimOf(i))
  runs(w, i, { facts: SMALL })
  expect(await step(w, i)).toEqual({ kind: 'done' })
  return i
}
const ask = (i: Instance, name: string) => {
  i.spec.flavorRef = { name }
  i.metadata.generation = (i.metadata.generation ?? 1) + 1
}
/** As the loop runs it: again at once after a decision was saved. */
async function settle(w: MemoryWorld, i: Instance) {
  for (;;) {
    const outcome = await step(w, i)
    w.deps.scheduler.confirm(i.metadata.uid, claimOf(i))
    if (outcome.kind !== 'saved') return outcome
  }
}
const said = async (w: MemoryWorld, i: Instance) => {
  const document = await w.bus.desired.read(i.status?.node ?? '', 'instance', i.metadata.uid)
  if (document?.kind !== 'instance' || document.tombstone) throw new Error('no document')
  const { vcpus, memoryMiB, rootDiskGiB } = document.spec
  return { vcpus, memoryMiB, rootDiskGiB }
}
/** What it has, which nothing has stored here. */
const TAKEN = { instances: 1, cores: 1, ram: 256 }
const reserved = (w: MemoryWorld) => Object.fromEntries(w.deps.quotas.project('ns').reserved)
const pending = (i: Instance) => findCondition(i.status?.conditions, 'ResizePending')
const used = (w: MemoryWorld, i: Instance) => w.deps.scheduler.nodes.find(i.status?.node ?? '')!

describe('another Flavor is named', () => {
  test('its size is saved, claimed beside the old one and sent; the old one goes when the node says so', async () => {
    const w = machineWorld()
    const i = await running(w)
    ask(i, 'big')
    const before = w.bus.desired.writes
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect(w.bus.desired.writes).toBe(before)
    expect(i.status).toMatchObject({ flavor: SMALL, nextFlavor: { name: 'big', ...BIG } })
    await settle(w, i)
    expect(await said(w, i)).toEqual(BIG)
    expect(used(w, i)).toMatchObject({ usedVcpus: 2, usedMemoryMiB: claimed(BIG), usedDiskGiB: 3 })
    runs(w, i, { facts: SMALL })
    expect(await settle(w, i)).toEqual({ kind: 'done' })
    expect(i.status).toMatchObject({ state: 'ACTIVE', pendingChanges: ['spec.flavorRef'] })
    expect(pending(i)).toMatchObject({ status: 'True', reason: 'AtNextStart', message: expect.stringContaining('big') })
    runs(w, i, { facts: BIG })
    expect(await settle(w, i)).toEqual({ kind: 'done' })
    expect(i.status?.flavor).toMatchObject({ name: 'big', ...BIG })
    expect(i.status).not.toHaveProperty('nextFlavor')
    expect(i.status).not.toHaveProperty('pendingChanges')
    expect(pending(i)).toBeUndefined()
  })

  test.each<[string, ObservedFacts]>([
    ['of an older agent, without a size', {}],
    ['of before the restart', SMALL],
    ['with the new processors on the old disk', { ...BIG, rootDiskGiB: 1 }],
  ])('a report %s ends nothing', async (_, facts) => {
    const w = machineWorld()
    const i = await running(w)
    ask(i, 'big')
    await settle(w, i)
    runs(w, i, { facts })
    await settle(w, i)
    expect(i.status).toMatchObject({ flavor: SMALL, nextFlavor: BIG })
    expect(used(w, i).usedMemoryMiB).toBe(claimed(BIG))
  })

  test('a smaller one keeps the claim for what still runs', async () => {
    const w = machineWorld()
    w.put('flavors', parts.flavor('tiny', { memoryMiB: 128 }))
    const i = await running(w)
    ask(i, 'tiny')
    await settle(w, i)
    expect(used(w, i).usedMemoryMiB).toBe(claimed(SMALL))
    runs(w, i, { facts: { ...SMALL, memoryMiB: 128 } })
    await settle(w, i)
    expect(used(w, i).usedMemoryMiB).toBe(claimed({ vcpus: 1, memoryMiB: 128 }))
  })

  test('taken back before the restart, and after one that nobody has told of yet', async () => {
    const w = machineWorld()
    const i = await running(w)
    ask(i, 'big')
    await settle(w, i)
    ask(i, 'small')
    await settle(w, i)
    expect(await said(w, i)).toEqual(SMALL)
    runs(w, i, { facts: SMALL })
    await settle(w, i)
    expect(i.status).not.toHaveProperty('nextFlavor')
    expect(pending(i)).toBeUndefined()
    // It had started with the larger one in between: that much is used until the next start.
    runs(w, i, { facts: BIG })
    await settle(w, i)
    expect(used(w, i).usedMemoryMiB).toBe(claimed(BIG))
    expect(await said(w, i)).toMatchObject({ memoryMiB: 256 })
    expect(pending(i)?.reason).toBe('AtNextStart')
  })
})

describe('what cannot be had is said, and harms nothing', () => {
  test.each([
    ['FlavorNotFound', undefined, 'does not exist'],
    ['FlavorNotFound', { public: false }, 'not shared'],
    ['FlavorTooSmall', { memoryMiB: 64 }, 'the image needs 128'],
    ['DiskCannotShrink', { rootDiskGiB: 1 }, 'cannot shrink'],
    ['NoRoom', { memoryMiB: 5000 }, 'MiB of memory free'],
    ['NoRoom', { vcpus: 64 }, 'vCPUs free'],
    ['NoRoom', { rootDiskGiB: 100 }, 'GiB of disk free'],
    ['NoRoom', { extraSpecs: { 'hw:require_kvm': 'true' } }, 'has no KVM'],
  ])('%s: %j', async (reason, spec, message) => {
    const w = machineWorld()
    w.put('images', parts.image({ minMemoryMiB: 128 }))
    w.put('flavors', parts.flavor('small', { rootDiskGiB: 2 }))
    const i = await running(w)
    runs(w, i, { facts: { ...SMALL, rootDiskGiB: 2 } })
    if (spec) w.put('flavors', parts.flavor('other', { rootDiskGiB: 2, ...spec }))
    ask(i, 'other')
    runs(w, i, { facts: { ...SMALL, rootDiskGiB: 2 } })
    expect(await settle(w, i)).toEqual({ kind: 'done' })
    expect(pending(i)).toMatchObject({ reason, message: expect.stringContaining(message) })
    expect(w.events.filter((e) => e === 'ResizeRefused')).toHaveLength(1)
    expect(i.status).toMatchObject({
      state: 'ACTIVE',
      flavor: { name: 'small', memoryMiB: 256 },
      pendingChanges: ['spec.flavorRef'],
    })
    expect(await said(w, i)).toMatchObject({ memoryMiB: 256, rootDiskGiB: 2 })
    // Stop and start go on with the size that it has.
    i.spec.runState = 'Stopped'
    i.metadata.generation = 9
    runs(w, i, { state: 'stopped', facts: { ...SMALL, rootDiskGiB: 2 } })
    expect(await settle(w, i)).toEqual({ kind: 'done' })
    expect(i.status?.state).toBe('SHUTOFF')
  })

  test('NoRoom waits for room, with others’ claims counted', async () => {
    const w = machineWorld()
    w.put('flavors', parts.flavor('half', { memoryMiB: 2100 }))
    const i = await running(w)
    setSize(w, i.status?.node ?? '', 'neighbour', { vcpus: 1, memoryMiB: 2000, diskGiB: 1 })
    ask(i, 'half')
    await settle(w, i)
    expect(pending(i)?.reason).toBe('NoRoom')
    expect(w.deps.waitingRoom.size).toBe(1)
    w.deps.scheduler.forget('neighbour')
    await settle(w, i)
    expect(pending(i)?.reason).toBe('AtNextStart')
    expect(w.deps.waitingRoom.size).toBe(0)
  })

  test.each([
    ['that is broken', 'ProfileStalled', { customFilters: [{ name: 'Own', expression: 'node.name ==' }] }],
    ['that there is not', 'SchedulerProfileNotFound', undefined],
  ])('a profile %s waits for that, and keeps nothing of the Quota meanwhile', async (_, reason, broken) => {
    const w = machineWorld()
    const own = (spec: SchedulerProfile['spec']) =>
      w.put('schedulerProfiles', stored<SchedulerProfile>('own', spec, { namespace: '' }))
    const i = await running(w)
    w.put('flavors', parts.flavor('big', { ...BIG, extraSpecs: { 'nephele:scheduler_profile': 'own' } }))
    if (broken) own(broken)
    ask(i, 'big')
    await settle(w, i)
    expect(pending(i)?.reason).toBe(reason)
    expect([w.deps.waitingRoom.size, reserved(w)]).toEqual([1, TAKEN])
    own({})
    await settle(w, i)
    expect(pending(i)?.reason).toBe('AtNextStart')
    expect(w.deps.waitingRoom.size).toBe(0)
  })

  test('what was promised for a wish that is given up for another one is others’', async () => {
    const w = machineWorld()
    w.put('flavors', parts.flavor('large', { memoryMiB: 9000 }))
    const i = await running(w)
    ask(i, 'big')
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect(reserved(w)).toEqual({ ...TAKEN, cores: 2, ram: 512 })
    for (const name of ['large', 'none']) {
      ask(i, name)
      await settle(w, i)
      expect([pending(i)?.status, reserved(w)]).toEqual(['True', TAKEN])
    }
  })

  test('exactly what is free fits', async () => {
    const w = machineWorld()
    const vcpus = CAPACITY.vcpus * 4
    const memoryMiB = CAPACITY.memoryMiB - guestOverheadMiB({ vcpus, memoryMiB: CAPACITY.memoryMiB })
    w.put('flavors', parts.flavor('all', { vcpus, memoryMiB, rootDiskGiB: CAPACITY.diskGiB }))
    w.put('flavors', parts.flavor('more', { vcpus, memoryMiB: memoryMiB + 1, rootDiskGiB: CAPACITY.diskGiB }))
    const i = await running(w)
    ask(i, 'more')
    await settle(w, i)
    expect(pending(i)?.reason).toBe('NoRoom')
    ask(i, 'all')
    await settle(w, i)
    expect(pending(i)?.reason).toBe('AtNextStart')
  })
})

test('a machine that moves starts with the size that it is asked to have, or with its own where that fits nowhere', async () => {
  for (const [name, memoryMiB] of [
    ['big', 512],
    ['huge', 256],
  ] as const) {
    const w = machineWorld()
    w.put('flavors', parts.flavor('huge', { memoryMiB: 9000 }))
    const i = await running(w, { networks: [], evacuation: 'WhenFenced' })
    const { node = '' } = i.status!
    ask(i, name)
    putNode(w, node, { lost: 'Confirmed' }, { releases: [{ kind: 'instance', uid: 'uid-vm', name: 'vm', epoch: 1 }] })
    await settle(w, i)
    expect(i.status?.node).not.toBe(node)
    expect(i.status?.flavor).toMatchObject({ memoryMiB })
    expect(await said(w, i)).toMatchObject({ memoryMiB })
  }
})

test('a Flavor of the same size under another name needs no start', async () => {
  const w = machineWorld()
  w.put('flavors', parts.flavor('same'))
  const i = await running(w)
  ask(i, 'same')
  runs(w, i, { facts: SMALL })
  await settle(w, i)
  expect(i.status?.flavor?.name).toBe('same')
  expect(pending(i)).toBeUndefined()
})

test('a machine of version 0.1.0, whose Flavor’s name nobody kept', async () => {
  const w = machineWorld()
  const i = await running(w)
  delete i.status?.flavor?.name
  await settle(w, i)
  expect(i.status?.flavor?.name).toBe('small')
  delete i.status?.flavor?.name
  w.drop('flavors', parts.flavor())
  expect(await settle(w, i)).toEqual({ kind: 'done' })
  expect(pending(i)).toBeUndefined()
})
