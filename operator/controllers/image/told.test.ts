// SPDX-License-Identifier: Apache-2.0
// What nodes are told of an Image, and who goes on with an import while nodes come and go.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Image } from '../../../lib/api/types.ts'
import type { ImageDocument } from '../../../lib/contract/documents.ts'
import { TransientError } from '../../../lib/errors.ts'
import { HeldCalls, isOver } from '../../testing/held-calls.ts'
import { image, importing, imageWorld, SHA } from '../../testing/image-world.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileImage } from './reconcile.ts'

describe('who imports it', () => {
  type Word = { pulse?: 'up' | 'silent' | 'unknown'; spec?: ComputeNode['spec']; roles?: string[]; deleted?: boolean }
  /** n1 with what is said, beside n2 that is well. */
  function nodes(word: Word = {}): MemoryWorld {
    const w = imageWorld()
    const { pulse, spec = {}, roles = ['image'], deleted = false } = word
    const status = { roles } as ComputeNode['status']
    w.put('computeNodes', stored<ComputeNode>('n1', spec, { namespace: '', status, deleted }))
    if (pulse) {
      const real = w.bus.heartbeats.pulse.bind(w.bus.heartbeats)
      w.bus.heartbeats.pulse = (node) => (node === 'n1' ? pulse : real(node))
    }
    return w
  }
  test.each<[string, Word, string]>([
    ['the first by name', {}, 'n1'],
    ['not who is silent', { pulse: 'silent' }, 'n2'],
    ['not who has not been heard yet', { pulse: 'unknown' }, 'n2'],
    ['not who is confirmed lost', { spec: { lost: 'Confirmed' } }, 'n2'],
    ['not who has another role', { roles: ['compute'] }, 'n2'],
    ['not who leaves', { deleted: true }, 'n2'],
  ])('a new one: %s', async (_, word, node) => {
    const i = image()
    expect(await reconcileImage(i, nodes(word).deps, nodes().run)).toEqual({ kind: 'saved' })
    expect(i.status).toEqual({ importNode: node, epoch: 1, state: 'importing' })
  })
  test('the first by name, whoever came first', async () => {
    const w = nodes()
    w.put('computeNodes', stored<ComputeNode>('n0', {}, { namespace: '', status: { roles: ['image'] } }))
    w.bus.heartbeats.expect(['n0', 'n1', 'n2'])
    w.bus.heartbeats.beat('n0', 'boot-0001')
    const i = image()
    await reconcileImage(i, w.deps, w.run)
    expect(i.status?.importNode).toBe('n0')
  })
  test('who imports the fewest', async () => {
    const w = nodes()
    w.put('images', stored<Image>('a', image().spec, { status: { importNode: 'n1' } }))
    const i = image()
    await reconcileImage(i, w.deps, w.run)
    expect(i.status?.importNode).toBe('n2')
    for (const name of ['b', 'c']) w.put('images', stored<Image>(name, image().spec, { status: { importNode: 'n2' } }))
    const next = image()
    await reconcileImage(next, w.deps, w.run)
    expect(next.status?.importNode).toBe('n1')
  })
  test('nobody: says so, and a node that comes is taken', async () => {
    const w = memoryWorld()
    const i = image()
    expect(await reconcileImage(i, w.deps, w.run)).toMatchObject({ kind: 'wait', reason: 'NoImageNode' })
    expect(i.status).toEqual({ state: 'queued' })
  })

  const imported = { ...importing, sha256: SHA }
  test.each<[string, Word, Image['status'], string]>([
    ['whoever has begun goes on', {}, importing, 'n1'],
    ['whoever has not been heard yet goes on', { pulse: 'unknown' }, importing, 'n1'],
    ['whoever is silent hands over', { pulse: 'silent' }, importing, 'n2'],
    ['whoever is confirmed lost hands over', { spec: { lost: 'Confirmed' } }, importing, 'n2'],
    ['once imported, silence changes nothing', { pulse: 'silent' }, imported, 'n1'],
  ])('%s', async (_, word, status, node) => {
    const i = image({ ...status })
    await reconcileImage(i, nodes(word).deps, nodes().run)
    expect(i.status).toMatchObject({ importNode: node, epoch: node === 'n1' ? 1 : 2 })
  })
  test('whoever is silent goes on when nobody else is there', async () => {
    const w = nodes({ pulse: 'silent' })
    w.drop('computeNodes', stored<ComputeNode>('n2', {}, { namespace: '' }))
    const i = image({ ...importing })
    expect(await reconcileImage(i, w.deps, w.run)).toMatchObject({ kind: 'wait', reason: 'Importing' })
    expect(i.status).toMatchObject({ importNode: 'n1', epoch: 1 })
  })
})

describe('what nodes are told', () => {
  test('where it comes from, and no more than is known', async () => {
    const w = imageWorld()
    await reconcileImage(image({ ...importing }), w.deps, w.run)
    const spec = () => ([...w.bus.desired.documents.values()][0] as ImageDocument).spec
    expect(spec()).toStrictEqual({ url: 'http://x/y', format: 'qcow2' })
    const i = image({ ...importing })
    i.spec.source.http!.caBundle = 'PEM'
    await reconcileImage(i, w.deps, w.run)
    expect(spec()).toStrictEqual({ url: 'http://x/y', format: 'qcow2', caBundle: 'PEM' })
  })
  test('who was told before, then who imports it, and nothing is said before the bus has it', async () => {
    const w = imageWorld()
    const i = image({ ...importing })
    // n2 imported it before.
    await reconcileImage(image({ ...importing, importNode: 'n2' }), w.deps, w.run)
    await reconcileImage(i, w.deps, w.run)
    w.report('image', i, { node: 'n1', epoch: 1, state: 'ready', facts: { sha256: SHA } })
    const desired = new HeldCalls(w.bus.desired, /^publish$/)
    const bus = Object.assign(Object.create(w.bus) as typeof w.bus, { desired: desired.object })
    const run = reconcileImage(i, { ...w.deps, bus }, w.run)
    // n1 was told before as well, and is told twice: the second time nothing is written.
    for (const left of [2, 1, 0]) {
      expect(await isOver(run)).toBe(false)
      expect([desired.open, i.status?.state]).toEqual([['publish'], 'importing'])
      await desired.answer()
      if (left === 0) expect(await run).toEqual({ kind: 'done' })
    }
    expect(i.status?.state).toBe('active')
  })
  test.each([1, 2])('a publish that fails fails the run: %d.', async (at) => {
    const w = imageWorld()
    const i = image({ ...importing })
    await reconcileImage(i, w.deps, w.run)
    i.spec.format = 'raw'
    let n = 0
    const publish = w.bus.desired.publish.bind(w.bus.desired)
    w.bus.desired.publish = async (document) => {
      if (++n === at) throw new TransientError('BusUnavailable', 'no')
      await publish(document)
    }
    await expect(reconcileImage(i, w.deps, w.run)).rejects.toMatchObject({ reason: 'BusUnavailable' })
  })
  test('nothing while a node has something newer than the resource', async () => {
    const w = imageWorld()
    const i = image({ ...importing })
    w.report('image', i, { node: 'n1', epoch: 9, state: 'ready' })
    expect(await reconcileImage(i, w.deps, w.run)).toMatchObject({ kind: 'wait', reason: 'NodeAhead' })
    expect(w.bus.desired.writes).toBe(0)
  })
})
