// SPDX-License-Identifier: Apache-2.0
// A machine that moves without its disk is made from what its spec names by then, or nowhere.
import { expect, test } from '@jest/globals'
import type { Image, Instance } from '../../../lib/api/types.ts'
import type { InstanceDocument } from '../../../lib/contract/documents.ts'
import { findCondition } from '../../../lib/conditions.ts'
import {
  active,
  CAPACITY,
  machine,
  machineWorld,
  parts,
  putNode,
  runs,
  SHA,
  step,
} from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'

const nodeOf = (i: Instance) => i.status?.node ?? ''
const putOther = (w: MemoryWorld, spec: Partial<Image['spec']> = {}, more: object = {}) =>
  w.put('images', stored<Image>('other', { ...parts.image().spec, ...spec }, { status: { sha256: SHA }, ...more }))
const documentOf = (w: MemoryWorld, i: Instance) =>
  (w.bus.desired.documents.get(`${nodeOf(i)}.instance.${i.metadata.uid}`) as InstanceDocument | undefined)?.spec
const madeFrom = (i: Instance) => [i.status?.image?.name, i.status?.rootDisk, i.status?.rebuilds]

/** It has its third root disk, may be given a fourth, and names another Image; then, after what happens, its node is lost. */
async function evacuated(w: MemoryWorld, happens?: (i: Instance) => Promise<void>): Promise<Instance> {
  const i = await active(w, machine({ networks: [], evacuation: 'WhenFenced' }))
  const image = i.status!.image!
  Object.assign(i.status!, { rootDisk: 3, rebuilds: [{ rootDisk: 4, actionUID: 'a', image }] })
  i.spec.imageRef = { name: 'other' }
  i.metadata.generation = 2
  runs(w, i, { facts: { rootDisk: 3, rootDisksSettled: 3 } })
  await step(w, i)
  runs(w, i, { facts: { rootDisk: 3, rootDisksSettled: 3 } })
  expect(await step(w, i)).toEqual({ kind: 'done' })
  expect(findCondition(i.status?.conditions, 'RebuildPending')?.message).toMatch(/so does a new place/)
  expect(madeFrom(i)).toMatchObject(['guest', 3, [{ rootDisk: 4 }]])
  await happens?.(i)
  const releases = [{ kind: 'instance', uid: i.metadata.uid, name: 'vm', epoch: 1 }]
  putNode(w, nodeOf(i), { lost: 'Confirmed' }, { releases })
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status).not.toHaveProperty('node')
  return i
}

test('it is made from the Image that its spec names, and its disks are counted anew', async () => {
  const w = machineWorld()
  putOther(w)
  const i = await evacuated(w)
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  await step(w, i)
  expect(madeFrom(i)).toEqual(['other', undefined, undefined])
  const { uid } = w.deps.caches.images.find('ns', 'other')!.metadata
  expect(documentOf(w, i)?.image.uid).toBe(uid)
  expect(documentOf(w, i)).not.toHaveProperty('rootDisksGiven')
  expect(findCondition(i.status?.conditions, 'RebuildPending')).toBeUndefined()
})

test('what its former node says of its disks there is not what it has now', async () => {
  const w = machineWorld()
  putOther(w)
  const i = await evacuated(w)
  const facts = { rootDisk: 4, rootDisksSettled: 4 }
  for (const node of ['c1', 'c2']) w.report('instance', i, { node, epoch: 1, state: 'running', facts })
  for (let time = 0; time < 3; time++) await step(w, i)
  expect([i.status?.epoch, ...madeFrom(i)]).toEqual([2, 'other', undefined, undefined])
})

test.each<[string, string, Partial<Image['spec']>, object]>([
  ['is not shared with its namespace', 'ImageNotFound', {}, { namespace: 'elsewhere' }],
  ['was not imported yet', 'ImageNotReady', {}, { status: {} }],
])('from one that %s it is not made: it waits, and is not made from the former', async (_, reason, spec, more) => {
  const w = machineWorld()
  putOther(w, spec, more)
  const i = await evacuated(w)
  for (let time = 0; time < 3; time++) expect(await step(w, i)).toMatchObject({ kind: 'wait', reason })
  expect([i.status?.node, documentOf(w, i)]).toEqual([undefined, undefined])
  // Named again, the former one is what it is made from.
  i.spec.imageRef = { name: 'guest' }
  await step(w, i)
  expect(madeFrom(i)).toEqual(['guest', undefined, undefined])
})

test('from one that needs a larger disk than it has it is made with another Flavor alone', async () => {
  const w = machineWorld()
  putOther(w, { minDiskGiB: 2 })
  w.put('flavors', parts.flavor('large', { rootDiskGiB: 2 }))
  w.put('flavors', parts.flavor('huge', { rootDiskGiB: 2, memoryMiB: 1_000_000 }))
  const i = await evacuated(w)
  const message = expect.stringMatching(/Flavor small has a root disk of 1 GiB, the image needs 2/)
  await expect(step(w, i)).rejects.toMatchObject({ reason: 'FlavorTooSmall', message })
  expect(i.status).not.toHaveProperty('node')
  i.spec.flavorRef = { name: 'huge' }
  expect(await step(w, i)).toMatchObject({ reason: 'NoValidHost' })
  i.spec.flavorRef = { name: 'large' }
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status?.flavor).toMatchObject({ name: 'large', rootDiskGiB: 2 })
  expect(madeFrom(i)).toEqual(['other', undefined, undefined])
})

test.each([
  ['larger', 5, 5],
  ['smaller', 1, 2],
])(
  'where its Flavor sets no root disk it is as large as that Image, and as it was at least: %s',
  async (_, least, is) => {
    const w = machineWorld()
    w.put('flavors', parts.flavor('small', { rootDiskGiB: 0 }))
    w.put('images', parts.image({ minDiskGiB: 2 }))
    putOther(w, { minDiskGiB: least })
    const i = await evacuated(w)
    expect(i.status?.flavor?.rootDiskGiB).toBe(2)
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect([i.status?.flavor?.name, i.status?.flavor?.rootDiskGiB]).toEqual(['small', is])
    const [claim] = w.deps.scheduler.findClaim(i.metadata.uid) ?? []
    expect([claim?.node, claim?.amounts.diskGiB]).toEqual([nodeOf(i), is])
    await step(w, i)
    expect(documentOf(w, i)?.rootDiskGiB).toBe(is)
  },
)

test('where its Flavor sets no root disk, a node without room for that Image is none for it', async () => {
  const w = machineWorld()
  w.put('flavors', parts.flavor('small', { rootDiskGiB: 0 }))
  putOther(w, { minDiskGiB: CAPACITY.diskGiB + 1 })
  const i = await evacuated(w)
  expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'NoValidHost' })
  expect(i.status).not.toHaveProperty('node')
})

test('the size that it was to start with next counts, and not the one before', async () => {
  const w = machineWorld()
  putOther(w, { minDiskGiB: 2 })
  w.put('flavors', parts.flavor('large', { rootDiskGiB: 2 }))
  const i = await evacuated(w)
  i.spec.flavorRef = { name: 'large' }
  i.status!.nextFlavor = { name: 'large', vcpus: 1, memoryMiB: 256, rootDiskGiB: 2 }
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status?.flavor).toMatchObject({ name: 'large', rootDiskGiB: 2 })
})

test('where nobody knows what it was made from, an Image that is not shared with it is none of its, there or elsewhere', async () => {
  const w = machineWorld()
  putOther(w)
  w.put('images', stored<Image>('secret', parts.image().spec, { status: { sha256: SHA }, namespace: 'elsewhere' }))
  const i = await evacuated(w, async (machine) => {
    const had = documentOf(w, machine)?.image
    delete machine.status!.image
    machine.spec.imageRef = { namespace: 'elsewhere', name: 'secret' }
    await step(w, machine)
    expect(documentOf(w, machine)?.image).toEqual(had)
    expect(machine.status).not.toHaveProperty('image')
  })
  expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'ImageNotFound' })
  expect(i.status).not.toHaveProperty('node')
})
