// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance, Volume } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { instanceDocument as documentForTests } from '../../../agents/compute/testing.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { planAttachment } from './attach.ts'

const connection = { protocol: 'nbd' as const, host: '192.0.2.9', port: 10900, exportName: 'uid-data', tls: true }
type Report = Pick<ObservedDocument, 'state'> & Partial<ObservedDocument> & { epoch?: number }

/** A machine on c1 under epoch 2 that had the volume in generation 4 and names it no longer in generation 5. */
const holder = (more: object = {}, volumes: string[] = []) =>
  stored<Instance>(
    'a',
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, volumes: volumes.map((name) => ({ volumeRef: { name } })) },
    { generation: 5, status: { node: 'c1', epoch: 2 }, ...more },
  )
const volume = (status: object = {}, more: object = {}) =>
  stored<Volume>('data', { sizeGiB: 1 }, { status: { node: 's1', epoch: 3, ...status }, ...more })
const held = { attachedTo: { name: 'a', uid: 'uid-a', node: 'c1' } }

async function told(w: MemoryWorld, volumes: string[], versions: { epoch: number; generation: number }, uid = 'uid-a') {
  const { spec, ...rest } = documentForTests({ uid, volumes: volumes.map((v) => ({ uid: v, name: v, connection })) })
  await w.bus.desired.publish({ ...rest, spec, node: 'c1', versions: { incarnation: 1, term: 1, ...versions } })
}
const said = (w: MemoryWorld, { epoch = 2, ...report }: Report, generation = 5, of = holder()) =>
  w.report('instance', of, {
    node: 'c1',
    epoch,
    versions: { incarnation: 1, term: 1, epoch, generation },
    ...report,
  })

describe('a volume that its machine names no longer', () => {
  const without = { volumesAttached: [] }
  const listedFor = (generation: number) => ({
    volumesAttached: [],
    volumesListedFor: { incarnation: 1, term: 1, epoch: 2, generation },
  })
  test.each<[string, Report | undefined, number, string]>([
    ['is out, says its node', { state: 'running', facts: without }, 5, 'detach'],
    ['is out of a paused one', { state: 'paused', facts: without }, 5, 'detach'],
    ['is out, says a run that failed later', { state: 'failed', facts: without }, 5, 'detach'],
    ['is out, under a later generation', { state: 'running', facts: without }, 6, 'detach'],
    ['is still in', { state: 'running', facts: { volumesAttached: ['uid-data'] } }, 5, 'keep'],
    ['was not heard of', undefined, 5, 'keep'],
    ['is being taken out', { state: 'building', facts: { stages: ['Booted'] } }, 5, 'keep'],
    ['may be in: the hypervisor is away', { state: 'failed', facts: {} }, 5, 'keep'],
    ['may be in: refused', { state: 'refused', facts: {} }, 5, 'keep'],
    ['was out under the generation before', { state: 'running', facts: without }, 4, 'keep'],
    ['was out of an older placement', { state: 'running', facts: without, epoch: 1 }, 9, 'keep'],
    ['is not in an older list', { state: 'failed', facts: listedFor(4) }, 5, 'keep'],
    ['is not in a list of this generation', { state: 'failed', facts: listedFor(5) }, 5, 'detach'],
    [
      'is not there, says a node whose machine is gone though it should be there',
      { state: 'gone', facts: {} },
      5,
      'keep',
    ],
  ])('%s: %s', async (_, report, generation, plan) => {
    const w = memoryWorld()
    w.put('instances', holder())
    await told(w, [], { epoch: 2, generation: 5 })
    if (report) said(w, report, generation)
    expect(planAttachment(volume(held), w.deps).kind).toBe(plan)
  })

  test.each<[string, (w: MemoryWorld) => Promise<void>]>([
    ['nothing was published', async () => undefined],
    ['the published document is of an older generation', (w) => told(w, [], { epoch: 2, generation: 4 })],
    ['the published document has it', (w) => told(w, ['uid-data'], { epoch: 2, generation: 5 })],
    ['the published document is of another placement', (w) => told(w, [], { epoch: 1, generation: 5 })],
    [
      'a tombstone is published',
      (w) => w.bus.desired.publish(tombstoneOf('instance', holder(), 'c1', 2, { incarnation: 1, term: 1 })),
    ],
    [
      'a document with it is on its way',
      async (w) => {
        await told(w, [], { epoch: 2, generation: 5 })
        w.bus.desired.delay = () => new Promise(() => undefined)
        void told(w, ['uid-data'], { epoch: 2, generation: 6 })
      },
    ],
  ])('is kept while %s, whatever its node says', async (_, publish) => {
    const w = memoryWorld()
    w.put('instances', holder())
    await publish(w)
    said(w, { state: 'running', facts: without })
    expect(planAttachment(volume(held), w.deps)).toEqual({ kind: 'keep' })
  })

  test('is kept when it is named again', async () => {
    const w = memoryWorld()
    w.put('instances', holder({}, ['data']))
    await told(w, [], { epoch: 2, generation: 5 })
    said(w, { state: 'running', facts: without })
    expect(planAttachment(volume(held), w.deps)).toEqual({ kind: 'keep' })
  })
})

describe('a volume that nobody holds, and that may be in a guest’s hands', () => {
  const back = { kind: 'attach', to: { name: 'a', uid: 'uid-a', node: 'c1' } }
  const free = { kind: 'keep' }
  const heldBack = { kind: 'hold', for: expect.objectContaining({ uid: 'uid-a', node: 'c1' }) }
  const seen = { volumesAttached: ['uid-data'] }
  const stolen = (w: MemoryWorld, uid = 'ghost') =>
    said(w, { state: 'running', facts: seen, node: 'evil' }, 5, stored<Instance>(uid, holder().spec, { uid }))
  const naming = (w: MemoryWorld, status: object) => w.put('instances', holder({ status }, ['data']))
  test.each<[string, (w: MemoryWorld) => unknown, object, object]>([
    ['by its published document', (w) => told(w, ['uid-data'], { epoch: 2, generation: 5 }), back, back],
    [
      'as its node saw, without having been told',
      (w) => said(w, { state: 'running', facts: seen }),
      heldBack,
      heldBack,
    ],
    ['as its node saw long ago', (w) => said(w, { state: 'failed', epoch: 1, facts: seen }), heldBack, heldBack],
    [
      'as its node saw, and it asks for it there',
      (w) => {
        naming(w, { node: 'c1', epoch: 2 })
        said(w, { state: 'running', facts: seen })
      },
      back,
      back,
    ],
    [
      'as another node than its own saw',
      (w) => {
        naming(w, { node: 'c2', epoch: 3 })
        said(w, { state: 'running', facts: seen })
      },
      heldBack,
      heldBack,
    ],
    [
      'as its node saw, and another node says it has it',
      (w) => {
        naming(w, { node: 'c1', epoch: 2 })
        said(w, { state: 'running', facts: seen })
        stolen(w)
      },
      { kind: 'hold', for: expect.objectContaining({ uid: 'ghost', node: 'evil' }) },
      { kind: 'hold', for: expect.objectContaining({ uid: 'ghost', node: 'evil' }) },
    ],
    [
      'by its published document, and another node says it has it',
      async (w) => {
        stolen(w)
        await told(w, ['uid-data'], { epoch: 2, generation: 5 })
      },
      back,
      back,
    ],
    [
      'of a machine that nobody made',
      stolen,
      { kind: 'hold', for: expect.objectContaining({ uid: 'ghost', node: 'evil' }) },
      { kind: 'hold', for: expect.objectContaining({ uid: 'ghost', node: 'evil' }) },
    ],
    [
      'on a node that was given up',
      (w) => {
        said(w, { state: 'running', facts: seen })
        w.put('computeNodes', stored<ComputeNode>('c1', { lost: 'Confirmed' }, { namespace: '' }))
      },
      free,
      { kind: 'attach', to: { name: 'b', uid: 'uid-b', node: 'c3' } },
    ],
    [
      'of a machine that is gone',
      (w) => said(w, { state: 'gone', facts: seen }),
      free,
      { kind: 'attach', to: { name: 'b', uid: 'uid-b', node: 'c3' } },
    ],
  ])('%s: given back if it was given, else neither deleted nor given to another', async (_, make, deleted, wanted) => {
    const w = memoryWorld()
    w.put('instances', holder())
    await make(w)
    expect(planAttachment(volume({}, { deleted: true }), w.deps)).toEqual(deleted)
    w.put('instances', stored<Instance>('b', holder({}, ['data']).spec, { status: { node: 'c3', epoch: 1 } }))
    expect(planAttachment(volume(), w.deps)).toEqual(wanted)
  })

  test('a claim on what nobody asks for is nobody’s business', () => {
    const w = memoryWorld()
    stolen(w)
    expect(planAttachment(volume(), w.deps)).toEqual(free)
  })
})

describe('a holder that is not where it was', () => {
  test.each<[string, (w: MemoryWorld) => unknown, object]>([
    [
      'it has a new node, and the old one let go',
      (w) => w.put('instances', holder({ status: { node: 'c2', epoch: 3 } }, ['data'])),
      { kind: 'attach', to: { name: 'a', uid: 'uid-a', node: 'c2' } },
    ],
    [
      'it has a new node, and the old one was seen with it',
      (w) => {
        w.put('instances', holder({ status: { node: 'c2', epoch: 3 } }, ['data']))
        said(w, { state: 'running', facts: { volumesAttached: ['uid-data'] } })
      },
      { kind: 'keep' },
    ],
    [
      'it has none and wants it',
      (w) => w.put('instances', holder({ status: { epoch: 2 } }, ['data'])),
      { kind: 'keep' },
    ],
    [
      'it has none and wants it no longer',
      (w) => w.put('instances', holder({ status: { epoch: 2 } })),
      { kind: 'detach' },
    ],
    [
      'it leaves its node and wants it no longer',
      (w) => {
        w.put('computeNodes', stored<ComputeNode>('c1', {}, { namespace: '' }))
        w.put('instances', holder({ status: { epoch: 2, pendingReleases: [{ node: 'c1', epoch: 2 }] } }))
      },
      { kind: 'keep' },
    ],
    ['it has no resource', () => undefined, { kind: 'detach' }],
    ['it has no resource, and its node still has it', (w) => said(w, { state: 'failed', facts: {} }), { kind: 'keep' }],
    ['it has no resource, and its node let go of it', (w) => said(w, { state: 'gone', facts: {} }), { kind: 'detach' }],
  ])('%s', async (_, make, plan) => {
    const w = memoryWorld()
    await make(w)
    expect(planAttachment(volume(held), w.deps)).toEqual(plan)
  })
})

describe('who is next', () => {
  const wanting = (name: string, creationTimestamp: string, more: object = {}) => {
    const one = stored<Instance>(name, holder({}, ['data']).spec, { status: { node: 'c1', epoch: 1 }, ...more })
    one.metadata.creationTimestamp = creationTimestamp
    return one
  }
  test('the oldest that has a node and stays', () => {
    const w = memoryWorld()
    w.put('instances', wanting('young', '2026-01-03T00:00:00Z'))
    expect(planAttachment(volume(), w.deps)).toMatchObject({ to: { name: 'young' } })
    w.put('instances', wanting('old', '2026-01-02T00:00:00Z'))
    expect(planAttachment(volume(), w.deps)).toMatchObject({ to: { name: 'old' } })
    w.put('instances', wanting('goes', '2026-01-01T00:00:00Z', { deleted: true }))
    w.put('instances', wanting('nowhere', '2026-01-01T00:00:00Z', { status: { epoch: 1 } }))
    expect(planAttachment(volume(), w.deps)).toEqual({
      kind: 'attach',
      to: { name: 'old', uid: 'uid-old', node: 'c1' },
    })
  })
  test('nobody, once the volume is being deleted', () => {
    const w = memoryWorld()
    w.put('instances', wanting('old', '2026-01-02T00:00:00Z'))
    expect(planAttachment(volume({}, { deleted: true }), w.deps)).toEqual({ kind: 'keep' })
  })
  test('of several that may have it in hand always the same', async () => {
    for (const order of [
      ['uid-b', 'uid-a'],
      ['uid-a', 'uid-b'],
    ]) {
      const w = memoryWorld()
      for (const uid of order) await told(w, ['uid-data'], { epoch: 2, generation: 5 }, uid)
      expect(planAttachment(volume(), w.deps)).toEqual({
        kind: 'attach',
        to: { name: 'uid-a', uid: 'uid-a', node: 'c1' },
      })
    }
  })
})

describe('a holder without a resource', () => {
  test('keeps it while a document gives it, whatever its node says', async () => {
    const w = memoryWorld()
    await told(w, ['uid-data'], { epoch: 2, generation: 5 })
    expect(planAttachment(volume(held), w.deps)).toEqual({ kind: 'keep' })
    said(w, { state: 'gone', facts: {} })
    expect(planAttachment(volume(held), w.deps)).toEqual({ kind: 'keep' })
  })
  test('on a node that is confirmed lost has nothing in hand', async () => {
    const w = memoryWorld()
    await told(w, ['uid-data'], { epoch: 2, generation: 5 })
    said(w, { state: 'running', facts: { volumesAttached: ['uid-data'] } })
    w.put('computeNodes', stored<ComputeNode>('c1', { lost: 'Confirmed' }, { namespace: '' }))
    expect(planAttachment(volume(held), w.deps)).toEqual({ kind: 'detach' })
  })
})

describe('a machine on a node that is confirmed lost', () => {
  const lose = (w: MemoryWorld) =>
    w.put('computeNodes', stored<ComputeNode>('c1', { lost: 'Confirmed' }, { namespace: '' }))

  test.each([
    [['data'], 'keep'],
    [[], 'detach'],
  ])('that names %j: %s, though its node never answers', async (names, plan) => {
    const w = memoryWorld()
    w.put('instances', holder({}, names))
    await told(w, ['uid-data'], { epoch: 2, generation: 4 })
    said(w, { state: 'running', facts: { volumesAttached: ['uid-data'] } }, 4)
    lose(w)
    expect(planAttachment(volume(held), w.deps).kind).toBe(plan)
    expect(planAttachment(volume(held, { deleted: true }), w.deps).kind).toBe(plan)
  })

  test('is given none', () => {
    const w = memoryWorld()
    lose(w)
    w.put('instances', holder({}, ['data']))
    expect(planAttachment(volume(), w.deps)).toEqual({ kind: 'keep' })
  })
})
