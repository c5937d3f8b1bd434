// SPDX-License-Identifier: Apache-2.0
// A machine that was placed by a version which did not record what it was made from, and whose spec names another Image by now.
import { expect, test } from '@jest/globals'
import type { Image, Instance } from '../../../lib/api/types.ts'
import type { InstanceDocument } from '../../../lib/contract/documents.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { TransientError } from '../../../lib/errors.ts'
import { active, machine, machineWorld, parts, runs, SHA, step } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { image as imageOfMachine } from './kind.ts'

const keyOf = (i: Instance) => `${i.status?.node ?? ''}.instance.${i.metadata.uid}`
const documentOf = (w: MemoryWorld, i: Instance) =>
  (w.bus.desired.documents.get(keyOf(i)) as InstanceDocument | undefined)?.spec
const pending = (i: Instance) => findCondition(i.status?.conditions, 'RebuildPending')?.reason
const heldBy = (i: Instance) => imageOfMachine.refs(i).map(({ ref }) => ref.name)
const uidOf = (w: MemoryWorld, name: string) => w.deps.caches.images.find('ns', name)!.metadata.uid

/** As the former version left it: it runs, and nothing says what it was made from. Then its spec is changed. */
async function upgraded(w: MemoryWorld, imageRef: Instance['spec']['imageRef'] = { name: 'other' }): Promise<Instance> {
  w.put('images', stored<Image>('other', parts.image().spec, { status: { sha256: SHA } }))
  w.put('images', stored<Image>('secret', parts.image().spec, { status: { sha256: SHA }, namespace: 'elsewhere' }))
  const i = await active(w, machine({ networks: [] }))
  delete i.status!.image
  Object.assign(i.spec, { imageRef })
  i.metadata.generation = 2
  return i
}

test('it was made from what its document says, and not from what its spec names by now', async () => {
  const w = machineWorld()
  const i = await upgraded(w)
  await step(w, i)
  expect(i.status?.image).toEqual({ namespace: 'ns', name: 'guest', uid: uidOf(w, 'guest'), sha256: SHA })
  expect([heldBy(i), pending(i), i.status?.rootDisk]).toEqual([['guest'], 'OtherImage', undefined])
  expect(documentOf(w, i)?.image.uid).toBe(uidOf(w, 'guest'))
  runs(w, i)
  expect(await step(w, i)).toEqual({ kind: 'done' })
})

test('an Image of others is not granted to it by that', async () => {
  const w = machineWorld()
  const i = await upgraded(w, { namespace: 'elsewhere', name: 'secret' })
  await step(w, i)
  expect([i.status?.image?.name, documentOf(w, i)?.image.uid]).toEqual(['guest', uidOf(w, 'guest')])
})

test('where that Image is gone nobody guesses another: it goes on with its document, is stopped and started, and says so', async () => {
  const w = machineWorld()
  const i = await upgraded(w)
  const { image } = documentOf(w, i)!
  // One of the same name is not it.
  w.drop('images', parts.image())
  w.put('images', { ...parts.image(), metadata: { ...parts.image().metadata, uid: 'uid-anew' } })
  for (const runState of ['Running', 'Stopped', 'Running'] as const) {
    i.spec.runState = runState
    for (let time = 0; time < 2; time++) {
      const outcome = await step(w, i)
      expect(outcome).toMatchObject({ kind: 'wait', reason: 'ImageNotFound' })
      expect(outcome).toMatchObject({ message: expect.stringMatching(/type Rebuild makes its root disk anew/) })
    }
    expect(documentOf(w, i)).toMatchObject({ image, runState })
    expect([i.status?.image, i.status?.rootDisk, pending(i)]).toEqual([undefined, 0, 'ImageUnknown'])
  }
  // Back to the name that it had: that is another one, too.
  i.spec.imageRef = { name: 'guest' }
  await step(w, i)
  expect([documentOf(w, i)?.image, i.status?.image]).toEqual([image, undefined])
})

test('while the bus does not say, nothing is recorded', async () => {
  const w = machineWorld()
  const i = await upgraded(w)
  const read = w.bus.desired.read.bind(w.bus.desired)
  w.bus.desired.read = async () => Promise.reject(new TransientError('BusUnavailable', 'no answer'))
  await expect(step(w, i)).rejects.toMatchObject({ reason: 'BusUnavailable' })
  expect([i.status?.image, i.status?.rootDisk]).toEqual([undefined, undefined])
  w.bus.desired.read = read
  await step(w, i)
  expect(i.status?.image?.name).toBe('guest')
})

test('of one that its node was told nothing of, the spec says what it is made from', async () => {
  const w = machineWorld()
  const i = await upgraded(w)
  w.bus.desired.documents.delete(keyOf(i))
  await step(w, i)
  expect([i.status?.image?.name, documentOf(w, i)?.image.uid, pending(i)]).toEqual([
    'other',
    uidOf(w, 'other'),
    undefined,
  ])
})

test('once it is known, the bus is not asked again', async () => {
  const w = machineWorld()
  const i = await upgraded(w)
  await step(w, i)
  w.bus.desired.read = async () => Promise.reject(new Error('it was asked'))
  await step(w, i)
  expect(i.status?.image?.name).toBe('guest')
})
