// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { ComputeNode, Instance } from '../../../lib/api/types.ts'
import { toDocumentKey } from '../../../lib/contract/subjects.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { MemoryCluster } from '../../testing/memory-cluster.ts'
import { active, machine, machineWorld, putNode, step } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { instanceWatches } from './wakes.ts'
import { findNewerOwner } from './newer-owner.ts'

const OLD = { incarnation: 1, term: 1 }
const LATER = new Date('2027-06-01T00:00:00Z')

/** A machine that is on one node by its resource; the other one says that it has it. The incarnation was raised since. */
async function moved(w: MemoryWorld, report: { epoch?: number; incarnation?: number; state?: string } = {}) {
  const i = await active(w)
  const other = i.status?.node === 'c1' ? 'c2' : 'c1'
  const { epoch = 2, incarnation = 1, state = 'running' } = report
  const versions = { ...OLD, incarnation, epoch, generation: 1 }
  w.report('instance', i, { node: other, epoch, state, versions })
  w.bus.memory = { madeAt: w.run.now, followedFrom: w.run.now }
  Object.assign(w.deps, { writer: () => ({ incarnation: 2, term: 1 }) })
  return { i, other }
}

const look = (w: MemoryWorld, i: Instance, now = w.run.now) => findNewerOwner(i, w.deps, now)

test.each<[string, Parameters<typeof moved>[1], boolean]>([
  ['under a newer epoch, of before the restore', {}, true],
  ['and has let go of it', { state: 'gone' }, false],
  ['under the epoch of the resource', { epoch: 1 }, false],
  ['under an epoch that nobody has', { epoch: 2 ** 31 }, false],
  ['in this incarnation, as one that is on its way', { incarnation: 2 }, false],
])('another node has the machine, %s', async (_, report, isHeld) => {
  const w = machineWorld()
  const { i, other } = await moved(w, report)
  const outcome = look(w, i)
  expect(outcome !== undefined).toBe(isHeld)
  if (!isHeld) return
  expect(outcome).toMatchObject({ kind: 'wait', reason: 'OwnershipUnclear' })
  expect(outcome).toMatchObject({ message: expect.stringMatching(new RegExp(`node ${other} .*epoch 2`)) })
})

test.each([false, true])(
  'nobody acts on it, nor removes it, for then its volumes go to others: %s',
  async (isRemoved) => {
    const w = machineWorld()
    const { i } = await moved(w)
    if (isRemoved) i.metadata.deletionTimestamp = '2026-11-30T00:00:00Z'
    const before = w.bus.desired.list().length
    expect(await step(w, i)).toMatchObject({ reason: 'OwnershipUnclear' })
    expect(w.bus.desired.list()).toHaveLength(before)
  },
)

test('a node that is given up holds nothing', async () => {
  const w = machineWorld()
  const { i, other } = await moved(w)
  putNode(w, other, { lost: 'Confirmed' })
  expect(look(w, i)).toBeUndefined()
})

test.each([
  ['a document of ours says so', 2, true],
  ['nothing of ours says so', undefined, false],
  ['our document is of the move before', 1, false],
])('long after a restore, where %s', async (_, epoch, isHeld) => {
  const w = machineWorld()
  const { i, other } = await moved(w)
  if (epoch !== undefined) {
    const document = tombstoneOf('instance', i, other, epoch, OLD)
    w.bus.desired.documents.set(toDocumentKey(document), document)
  }
  expect(look(w, i, LATER) !== undefined).toBe(isHeld)
})

test('a new leader alone is no reason to believe a node’s bare word', async () => {
  const w = machineWorld()
  const { i } = await moved(w)
  w.bus.memory = { madeAt: undefined, followedFrom: w.run.now }
  expect(look(w, i)).toBeUndefined()
})

test('it looks again when the node that has it is given up', () => {
  const cluster = new MemoryCluster()
  const { world: w } = cluster
  const watches = instanceWatches(w.deps, cluster.informers()).filter(
    ({ source }) => source.kind.kind === 'ComputeNode',
  )
  const i = machine({})
  w.put('instances', i)
  w.report('instance', i, { node: 'c2', epoch: 2, state: 'running' })
  const node = (name: string, lost?: 'Confirmed') => stored<ComputeNode>(name, lost ? { lost } : {}, { namespace: '' })
  const wakes = (old: ComputeNode, now: ComputeNode) =>
    watches.filter(({ when }) => when?.(old, now) ?? true).flatMap(({ keys }) => [...keys(now as never)])
  expect(wakes(node('c2'), node('c2', 'Confirmed'))).toEqual(['ns/vm'])
  expect(wakes(node('c1'), node('c1', 'Confirmed'))).toEqual([])
  expect(wakes(node('c2'), node('c2'))).toEqual([])
})
