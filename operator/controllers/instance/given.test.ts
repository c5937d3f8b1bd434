// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { active, machine, machineWorld } from '../../testing/machine-world.ts'
import type { MemoryWorld } from '../../testing/memory-deps.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { findGiven } from './given.ts'

const writer = { incarnation: 1, term: 1 }

async function world() {
  const w = machineWorld()
  const i = await active(w, machine({ networks: [] }))
  const { node = '' } = i.status!
  return { w, i, node }
}
const bury = (w: MemoryWorld, of: object, node: string, epoch: number) =>
  w.bus.desired.publish(tombstoneOf('instance', of as never, node, epoch, writer))

test('the document of this placement is what the machine was given', async () => {
  const { w, i } = await world()
  expect(await findGiven(i, w.deps)).toMatchObject({ uid: 'uid-vm', spec: { hostname: 'vm' } })
})

test.each<[string, object]>([
  ['has no node', { node: undefined }],
  ['is on a node without a document', { node: 'c9' }],
  ['is there under a later epoch', { epoch: 2 }],
  ['is there under an earlier epoch', { epoch: 0 }],
])('a machine that %s was given nothing, and nothing is read', async (_, status) => {
  const { w, i } = await world()
  let reads = 0
  w.bus.desired.read = async () => {
    reads++
    return undefined
  }
  expect(await findGiven({ ...i, status: { ...i.status, ...status } }, w.deps)).toBeUndefined()
  expect(reads).toBe(0)
})

test('a tombstone gives nothing, known before or met when it is read', async () => {
  const { w, i, node } = await world()
  const before = await w.bus.desired.read(node, 'instance', i.metadata.uid)
  await bury(w, i, node, 1)
  expect(await findGiven(i, w.deps)).toBeUndefined()
  await w.bus.desired.publish(before!)
  const read = w.bus.desired.read.bind(w.bus.desired)
  w.bus.desired.read = async (...key) => {
    await bury(w, i, node, 1)
    return read(...key)
  }
  expect(await findGiven(i, w.deps)).toBeUndefined()
})
