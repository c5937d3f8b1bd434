// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance, StoragePool, Volume, VolumeType } from '../../../lib/api/types.ts'
import { settle } from '../../../lib/time/fake-clock.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileVolume } from './reconcile.ts'

const pool = (freeGiB = 100) =>
  stored<StoragePool>(
    'files',
    { driver: 'file' },
    { namespace: '', status: { nodes: [{ node: 's1', totalGiB: 100, freeGiB }] } },
  )
const type = () =>
  stored<VolumeType>('standard', { storagePoolRef: { name: 'files' }, default: true }, { namespace: '' })
const volume = (status?: Volume['status'], more: object = {}) =>
  stored<Volume>('data', { sizeGiB: 10 }, { ...(status ? { status } : {}), ...more })
const placed: Volume['status'] = { node: 's1', pool: 'files', epoch: 1 }
const user = (name: string, more: object = {}) =>
  stored<Instance>(
    name,
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, volumes: [{ volumeRef: { name: 'data' } }] },
    { status: { node: 'c1', epoch: 1 }, ...more },
  )

function world(): MemoryWorld {
  const w = memoryWorld()
  w.put('storagePools', pool())
  w.put('volumeTypes', type())
  w.put('computeNodes', stored<ComputeNode>('s1', {}, { namespace: '' }))
  w.bus.heartbeats.expect(['s1'])
  w.bus.heartbeats.beat('s1', 'boot-0001')
  return w
}

describe('placement', () => {
  test('create: the decision is saved before anything is published', async () => {
    const w = world()
    const v = volume()
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(v.status).toMatchObject({ node: 's1', pool: 'files', epoch: 1 })
    expect(w.bus.desired.writes).toBe(0)
    await reconcileVolume(v, w.deps, w.run)
    expect(w.bus.desired.list()).toMatchObject([{ node: 's1', kind: 'volume', tombstone: false }])
  })
  test.each([
    ['no type', (w: MemoryWorld) => w.drop('volumeTypes', type()), 'NoDefaultVolumeType'],
    ['no pool', (w: MemoryWorld) => w.drop('storagePools', pool()), 'StoragePoolNotFound'],
    ['a full pool', (w: MemoryWorld) => w.put('storagePools', pool(9)), 'PoolFull'],
  ])('dependency: %s', async (_, spoil, reason) => {
    const w = world()
    spoil(w)
    expect(await reconcileVolume(volume(), w.deps, w.run)).toMatchObject({ kind: 'wait', reason })
  })
  test.each([
    ['not at all', undefined, undefined, 'VolumeTypeNotFound'],
    ['not with this one', 'other', undefined, 'VolumeTypeNotFound'],
    ['and named', 'ns', { name: 'standard' }, undefined],
    ['and the default', 'ns', undefined, undefined],
    ['with all', '*', undefined, undefined],
  ] as const)('dependency: a type that is shared %s', async (_, namespace, ref, reason) => {
    const w = world()
    const shared = namespace === undefined ? {} : { sharedWith: [{ namespace }] }
    w.put(
      'volumeTypes',
      stored<VolumeType>('standard', { ...type().spec, public: false, ...shared }, { namespace: '' }),
    )
    const named = reason === undefined ? ref : { name: 'standard' }
    const v = stored<Volume>('data', { sizeGiB: 10, ...(named ? { volumeTypeRef: named } : {}) })
    const outcome = await reconcileVolume(v, w.deps, w.run)
    expect(outcome).toMatchObject(reason === undefined ? { kind: 'saved' } : { kind: 'wait', reason })
    if (reason === undefined) return
    delete v.spec.volumeTypeRef
    expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject({ reason: 'NoDefaultVolumeType' })
  })
  test('dependency: the only node is silent, and named', async () => {
    const w = world()
    w.clock.ms = 60_000
    w.bus.heartbeats.tick()
    expect(await reconcileVolume(volume(), w.deps, w.run)).toMatchObject({
      reason: 'NoStorageNode',
      message: expect.stringMatching(/served by s1, not heard now/),
    })
  })
})

describe('who may open it', () => {
  const KEY = 'a'.repeat(40)
  const held: Volume['status'] = { ...placed, attachedTo: { name: 'vm', uid: 'uid-vm', node: 'c1' } }
  const exportOf = async (w: MemoryWorld) => {
    await reconcileVolume(volume(held), w.deps, w.run)
    const document = await w.bus.desired.read('s1', 'volume', 'uid-data')
    if (document?.kind !== 'volume' || document.tombstone) throw new Error('not published')
    return { exportTo: document.spec.exportTo, exportKeys: document.spec.exportKeys }
  }
  test.each([
    ['the key that its holder’s node has', {}, { volumeKey: KEY }, ['c1'], { c1: KEY }],
    ['nobody yet, while the node has none', {}, {}, ['c1'], undefined],
    ['nobody on a node that is confirmed lost', { lost: 'Confirmed' as const }, { volumeKey: KEY }, [], undefined],
  ])('%s', async (_, spec, status, exportTo, exportKeys) => {
    const w = world()
    w.put('instances', user('vm'))
    w.put('computeNodes', stored<ComputeNode>('c1', spec, { namespace: '', status }))
    expect(await exportOf(w)).toEqual({ exportTo, exportKeys })
  })
})

describe('room: what was promised counts, not what is written yet', () => {
  const on = (spec: object, free: number, more: object = {}) =>
    stored<StoragePool>(
      'files',
      { driver: 'file', ...spec },
      { namespace: '', status: { nodes: [{ node: 's1', totalGiB: 100, freeGiB: free }] }, ...more },
    )
  const other = (name: string, sizeGiB: number, status: object) =>
    stored<Volume>(name, { sizeGiB }, { status: { ...placed, ...status } })
  const made = (sizeGiB: number) => other('old', sizeGiB, { sizeGiB })
  test.each<[string, StoragePool, Volume[], number, boolean]>([
    ['an empty pool, as large as it', on({}, 100), [], 100, true],
    ['an empty pool, larger than it', on({}, 100), [], 101, false],
    ['a volume without data', on({}, 100), [made(60)], 40, true],
    ['a volume without data, and one too many', on({}, 100), [made(60)], 41, false],
    ['a volume that is full', on({}, 40), [made(60)], 40, true],
    ['a volume that is not made yet', on({}, 100), [other('new', 60, {})], 41, false],
    ['a volume that may grow', on({}, 100), [other('new', 70, { sizeGiB: 60, grantedGiB: 70 })], 31, false],
    [
      'a volume that may grow, on a full disk',
      on({}, 15),
      [other('new', 70, { sizeGiB: 60, grantedGiB: 70 })],
      6,
      false,
    ],
    ['a volume that waits to grow', on({}, 100), [other('new', 90, { sizeGiB: 60, grantedGiB: 60 })], 40, true],
    ['a volume of 0.1.0 that is to grow', on({}, 100), [other('new', 90, { sizeGiB: 60 })], 40, true],
    ['a volume of another pool', on({}, 100), [other('new', 90, { sizeGiB: 90, pool: 'other' })], 100, true],
    ['a volume of another node', on({}, 100), [other('new', 90, { sizeGiB: 90, node: 's2' })], 100, true],
    ['images beside it', on({}, 30), [], 31, false],
    ['twice its size', on({ overcommitPercent: 200 }, 100), [made(120)], 80, true],
    ['twice its size, and one too many', on({ overcommitPercent: 200 }, 100), [made(120)], 81, false],
    ['twice its size, on a full disk', on({ overcommitPercent: 200 }, 5), [made(20)], 11, false],
    ['half its size', on({ overcommitPercent: 50 }, 100), [made(40)], 11, false],
  ])('%s', async (_, here, others, sizeGiB, fits) => {
    const w = world()
    w.put('storagePools', here)
    for (const each of others) w.put('volumes', each)
    const v = stored<Volume>('data', { sizeGiB })
    expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject(
      fits ? { kind: 'saved' } : { reason: 'PoolFull', message: expect.stringContaining('spec.overcommitPercent') },
    )
  })
})

describe('a volume grows as far as its pool has room', () => {
  const roomy = (freeGiB: number, error?: string) =>
    stored<StoragePool>(
      'files',
      { driver: 'file' },
      { namespace: '', status: { nodes: [{ node: 's1', totalGiB: 100, freeGiB, ...(error ? { error } : {}) }] } },
    )
  const grown = (sizeGiB: number, status: Volume['status'] = { sizeGiB: 10, grantedGiB: 10 }, name = 'data') =>
    stored<Volume>(name, { sizeGiB }, { generation: 2, status: { ...placed, ...status } })
  const toldSize = async (w: MemoryWorld, uid = 'uid-data') => {
    const document = await w.bus.desired.read('s1', 'volume', uid)
    return document?.kind === 'volume' && !document.tombstone ? document.spec.sizeGiB : undefined
  }
  /** Stored, and a run over what was stored. */
  const step = (w: MemoryWorld, v: Volume) => {
    w.put('volumes', v)
    return reconcileVolume(v, w.deps, w.run)
  }

  /** Stored, with its node's report where it has one. */
  const served = (w: MemoryWorld, v: Volume) => {
    w.put('volumes', v)
    const { sizeGiB } = v.status ?? {}
    if (sizeGiB !== undefined) w.report('volume', v, { node: 's1', epoch: 1, state: 'available', facts: { sizeGiB } })
  }

  test('what is granted is saved before the node is told', async () => {
    const w = world()
    const v = grown(100)
    expect(await step(w, v)).toEqual({ kind: 'saved' })
    expect([v.status?.grantedGiB, w.bus.desired.writes]).toEqual([100, 0])
    await step(w, v)
    expect(await toldSize(w)).toBe(100)
    expect(v.status?.state).toBe('extending')
    w.report('volume', v, { node: 's1', epoch: 1, state: 'available', facts: { sizeGiB: 100 } })
    expect(await step(w, v)).toEqual({ kind: 'done' })
    expect(v.status).toMatchObject({ state: 'available', sizeGiB: 100 })
  })

  test.each<[string, StoragePool | undefined, Volume, Volume[], string | undefined]>([
    ['as large as its pool', undefined, grown(100), [], undefined],
    ['larger than its pool', undefined, grown(101), [], 'PoolFull'],
    ['what is left', undefined, grown(60), [grown(40, { sizeGiB: 40 }, 'b')], undefined],
    ['more than is left', undefined, grown(61), [grown(40, { sizeGiB: 40 }, 'b')], 'PoolFull'],
    ['what is free', roomy(20), grown(30), [], undefined],
    ['more than is free', roomy(20), grown(31), [], 'PoolFull'],
    ['beside one that was not made yet', roomy(20), grown(21), [grown(10, { grantedGiB: 10 }, 'b')], 'PoolFull'],
    ['one of 0.1.0', undefined, grown(101, { sizeGiB: 10 }), [], 'PoolFull'],
    ['one of 0.1.0 that was never made', undefined, grown(200, {}), [], 'Provisioning'],
    ['in a pool that is broken', roomy(100, 'not mounted'), grown(20), [], 'PoolUnavailable'],
    ['in a pool that its node does not serve', pool(), grown(20, { node: 's9', sizeGiB: 10 }), [], 'PoolUnavailable'],
  ])('%s', async (_, here, v, others, reason) => {
    const w = world()
    if (here) w.put('storagePools', here)
    for (const each of others) w.put('volumes', each)
    const before = v.status?.sizeGiB ?? v.spec.sizeGiB
    const node = v.status?.node ?? ''
    w.report('volume', v, { node, epoch: 1, state: 'available', facts: v.status?.sizeGiB ? { sizeGiB: before } : {} })
    const outcome = await step(w, v)
    if (reason === undefined) {
      expect(outcome).toEqual({ kind: 'saved' })
      return
    }
    expect(outcome).toMatchObject({ kind: 'wait', reason })
    expect(v.status?.grantedGiB ?? before).toBe(before)
    const document = await w.bus.desired.read(node, 'volume', 'uid-data')
    expect(document).toMatchObject({ spec: { sizeGiB: before } })
  })

  test('without room it is of use as it is, and says what helps', async () => {
    const w = world()
    w.put('instances', user('vm'))
    const v = grown(300)
    w.report('volume', v, { node: 's1', epoch: 1, state: 'available', facts: { sizeGiB: 10 } })
    expect(await step(w, v)).toEqual({ kind: 'saved' })
    expect(v.status?.attachedTo?.name).toBe('vm')
    w.report('volume', v, { node: 's1', epoch: 2, state: 'available', facts: { sizeGiB: 10 } })
    expect(await step(w, v)).toMatchObject({
      reason: 'PoolFull',
      message:
        'StoragePool files can promise at most 90 GiB more on one node, 290 wanted: delete volumes, add disk, or raise its spec.overcommitPercent (100). The volume keeps its 10 GiB; spec.sizeGiB may go back to that',
    })
    expect(v.status).toMatchObject({ state: 'in-use', sizeGiB: 10 })
    expect(await w.bus.desired.read('s1', 'volume', 'uid-data')).toMatchObject({
      spec: { sizeGiB: 10, exportTo: ['c1'] },
    })
    v.spec.sizeGiB = 10
    expect(await step(w, v)).toEqual({ kind: 'done' })
  })

  test('two at once do not get the same room, whether they grow or are new', async () => {
    const fresh = (name: string) => stored<Volume>(name, { sizeGiB: 60 })
    for (const [one, two] of [
      [grown(60), grown(60, { sizeGiB: 10 }, 'b')],
      [fresh('data'), fresh('b')],
      [grown(60), fresh('b')],
      [fresh('data'), grown(60, { sizeGiB: 10 }, 'b')],
    ] as const) {
      const w = world()
      for (const each of [one, two]) served(w, each)
      const before = structuredClone(one)
      // Both from the cache as it was: neither is written yet.
      expect(await reconcileVolume(one, w.deps, w.run)).toEqual({ kind: 'saved' })
      expect(await reconcileVolume(two, w.deps, w.run)).toMatchObject({ reason: 'PoolFull' })
      // A write that failed: decided again.
      expect(await reconcileVolume(before, w.deps, w.run)).toEqual({ kind: 'saved' })
      w.put('volumes', one)
      expect(await reconcileVolume(two, w.deps, w.run)).toMatchObject({ reason: 'PoolFull' })
      w.drop('volumes', one)
      expect(await reconcileVolume(two, w.deps, w.run)).toEqual({ kind: 'saved' })
    }
  })

  test.each([
    ['is deleted', (v: Volume) => (v.metadata.deletionTimestamp = '2026-01-02T00:00:00Z')],
    ['wants less', (v: Volume) => (v.spec.sizeGiB = 10)],
    ['wants more than there is', (v: Volume) => (v.spec.sizeGiB = 1000)],
  ])('a promise whose write never came ends with a volume that %s', async (_, change) => {
    const w = world()
    const [one, two] = [grown(90), grown(60, { sizeGiB: 10 }, 'b')]
    for (const each of [one, two]) served(w, each)
    const lost = structuredClone(one)
    expect(await reconcileVolume(lost, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(await reconcileVolume(structuredClone(two), w.deps, w.run)).toMatchObject({ reason: 'PoolFull' })
    change(one)
    await step(w, one)
    expect(await reconcileVolume(two, w.deps, w.run)).toEqual({ kind: 'saved' })
  })
})

describe('adopt: a node has this volume, but the resource was never placed', () => {
  test.each([
    ['is served', { state: 'available' }, {}, true],
    ['was let go of', { state: 'gone' }, {}, false],
    ['is on a node that was given up', { state: 'available' }, { lost: 'Confirmed' as const }, false],
  ])('it %s: held %s', async (_, report, spec, held) => {
    const w = world()
    w.put('computeNodes', stored<ComputeNode>('s2', spec, { namespace: '' }))
    const v = volume()
    w.report('volume', v, { node: 's2', epoch: 3, ...report })
    const outcome = await reconcileVolume(v, w.deps, w.run)
    expect(outcome).toMatchObject(
      held ? { reason: 'OwnershipUnclear', message: expect.stringContaining('node s2') } : { kind: 'saved' },
    )
  })
})

test('delete: a lost node that has no room for one more release is told all the same', async () => {
  const w = world()
  const v = volume({ ...placed }, { uid: 'uid-data' })
  await reconcileVolume(v, w.deps, w.run)
  expect(w.bus.desired.find('s1', 'volume', 'uid-data')?.tombstone).toBe(false)
  const releases = Array.from({ length: 64 }, (_, i) => ({
    kind: 'volume' as const,
    uid: `u${i}`,
    name: 'v',
    epoch: 1,
  }))
  w.put('computeNodes', stored<ComputeNode>('s1', { lost: 'Confirmed' }, { namespace: '', status: { releases } }))
  const gone = volume({ ...placed }, { uid: 'uid-data', deleted: true })
  expect(await reconcileVolume(gone, w.deps, w.run)).toEqual({ kind: 'released' })
  expect(w.bus.desired.find('s1', 'volume', 'uid-data')?.tombstone).toBe(true)
})

describe('life', () => {
  test.each([
    ['available', { state: 'available', facts: { sizeGiB: 10 } }, { kind: 'done' }, 'available'],
    [
      'failed',
      { state: 'failed', error: { reason: 'DiskFull', message: 'm', terminal: false } },
      { kind: 'wait', reason: 'DiskFull' },
      'creating',
    ],
    ['older epoch', { state: 'available', epoch: 0 }, { kind: 'wait', reason: 'Provisioning' }, 'creating'],
  ])('observed %s', async (_, report, outcome, state) => {
    const w = world()
    const v = volume({ ...placed })
    w.report('volume', v, { node: 's1', epoch: 1, ...report })
    expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject(outcome)
    expect(v.status?.state).toBe(state)
  })
  test('refused is terminal and says why', async () => {
    const w = world()
    const v = volume({ ...placed })
    w.report('volume', v, {
      node: 's1',
      epoch: 1,
      state: 'refused',
      error: { reason: 'PathUnsafe', message: 'm', terminal: true },
    })
    await expect(reconcileVolume(v, w.deps, w.run)).rejects.toMatchObject({ reason: 'PathUnsafe' })
  })
  test('delete: tombstone, gone, released; the answer stays for whoever asks again', async () => {
    const w = world()
    const v = volume({ ...placed }, { deleted: true })
    expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject({ kind: 'wait', reason: 'Releasing' })
    expect(w.bus.desired.list()).toMatchObject([{ tombstone: true }])
    w.report('volume', v, { node: 's1', epoch: 1, state: 'gone' })
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'released' })
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'released' })
  })
  test.each([
    ['silent', {}, 'NodeSilent', /spec\.lost: Confirmed on ComputeNode s1/],
    ['confirmed lost', { lost: 'Confirmed' }, 'NodeLost', /delete the volume/],
  ] as const)(
    'node-lost: a volume whose node is %s is not ready, whatever was said of it',
    async (_, spec, reason, way) => {
      const w = world()
      w.put('computeNodes', stored<ComputeNode>('s1', spec, { namespace: '' }))
      const v = volume({ ...placed, sizeGiB: 10 })
      w.report('volume', v, { node: 's1', epoch: 1, state: 'available', facts: { sizeGiB: 10 } })
      expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject(
        reason === 'NodeLost' ? { reason } : { kind: 'done' },
      )
      w.clock.ms = 60_000
      w.bus.heartbeats.tick()
      expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject({ reason, message: expect.stringMatching(way) })
    },
  )
  test('node-lost: names the way out; a confirmed loss counts once it is recorded', async () => {
    const w = world()
    const v = volume({ ...placed }, { deleted: true })
    w.clock.ms = 60_000
    w.bus.heartbeats.tick()
    expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject({
      reason: 'NodeSilent',
      message: expect.stringContaining('spec.lost: Confirmed'),
    })
    w.put('computeNodes', stored<ComputeNode>('s1', { lost: 'Confirmed' }, { namespace: '' }))
    expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject({ reason: 'Releasing' })
    const release = w.deps.releases.listNew('s1', [])
    expect(release).toMatchObject([{ kind: 'volume', uid: 'uid-data', epoch: 1 }])
    w.put(
      'computeNodes',
      stored<ComputeNode>('s1', { lost: 'Confirmed' }, { namespace: '', status: { releases: release } }),
    )
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'released' })
    expect(w.bus.desired.list()).toMatchObject([{ tombstone: true }])
  })
})

describe('attachment', () => {
  test('the oldest machine with a node gets it, under a new epoch', async () => {
    const w = world()
    w.put('instances', user('b'))
    w.put('instances', user('a', { status: {} }))
    const v = volume({ ...placed })
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(v.status).toMatchObject({ epoch: 2, attachedTo: { name: 'b', uid: 'uid-b', node: 'c1' } })
    await reconcileVolume(v, w.deps, w.run)
    expect([...w.bus.desired.documents.values()]).toMatchObject([{ spec: { exportTo: ['c1'] } }])
  })
  test.each([
    ['it still names the volume', {}, undefined, true],
    ['its node has not let go', { deleted: true }, undefined, true],
    ['its node said gone', { deleted: true }, { state: 'gone' }, false],
  ])('while %s', async (_, change, report, isKept) => {
    const w = world()
    const holder = user('a', change)
    w.put('instances', holder)
    if (report) w.report('instance', holder, { node: 'c1', epoch: 1, ...report })
    const v = volume({ ...placed, attachedTo: { name: 'a', uid: 'uid-a', node: 'c1' } })
    await reconcileVolume(v, w.deps, w.run)
    expect(v.status?.attachedTo !== undefined).toBe(isKept)
  })
  test('a machine that is gone from the API has let go', async () => {
    const w = world()
    const v = volume({ ...placed, attachedTo: { name: 'a', uid: 'uid-a', node: 'c1' } })
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(v.status?.attachedTo).toBeUndefined()
  })
  test('delete waits for detach and says by whom', async () => {
    const w = world()
    w.put('instances', user('a'))
    const v = volume({ ...placed, attachedTo: { name: 'a', uid: 'uid-a', node: 'c1' } }, { deleted: true })
    expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject({
      reason: 'InUse',
      message: expect.stringContaining('Instance a'),
    })
  })
})

describe('where it is put', () => {
  const node = (name: string, freeGiB: number, more: object = {}) => ({ node: name, totalGiB: 100, freeGiB, ...more })
  const files = (...nodes: ReturnType<typeof node>[]) =>
    stored<StoragePool>('files', { driver: 'file' }, { namespace: '', status: { nodes } })
  test.each<[string, ReturnType<typeof node>[], string]>([
    ['the node with the most room', [node('s2', 40), node('s1', 60), node('s3', 50)], 's1'],
    ['of two alike the first by name', [node('s3', 60), node('s1', 60), node('s2', 60)], 's1'],
    ['one that serves it well', [node('s1', 60, { error: 'no such folder' }), node('s2', 40)], 's2'],
  ])('%s', async (_, nodes, expected) => {
    const w = world()
    w.put('storagePools', files(...nodes))
    const v = volume()
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(v.status).toMatchObject({ node: expected, state: 'creating' })
  })
  test.each([
    ['lost', { lost: 'Confirmed' as const }, false],
    ['about to leave', {}, true],
  ])('no node that is %s, whatever room it had', async (_, spec, deleted) => {
    const w = world()
    w.put('storagePools', files(node('s1', 60), node('s2', 40)))
    w.put('computeNodes', stored<ComputeNode>('s1', spec, { namespace: '', deleted }))
    const v = volume()
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(v.status).toMatchObject({ node: 's2' })
    w.put('storagePools', files(node('s1', 60)))
    expect(await reconcileVolume(volume(), w.deps, w.run)).toMatchObject({ reason: 'NoStorageNode' })
  })
  test('nowhere, while no node serves the pool', async () => {
    const w = world()
    w.put('storagePools', files())
    expect(await reconcileVolume(volume(), w.deps, w.run)).toMatchObject({
      reason: 'NoStorageNode',
      message: 'no node serves StoragePool files: label one with nephele.dev/storage=true',
    })
  })
  test('by the oldest default type that stays', async () => {
    const w = world()
    const byDefault = (name: string, pool: string, creationTimestamp: string, deleted = false) => {
      const one = stored<VolumeType>(
        name,
        { storagePoolRef: { name: pool }, default: true },
        { namespace: '', deleted },
      )
      one.metadata.creationTimestamp = creationTimestamp
      w.put('volumeTypes', one)
    }
    byDefault('younger', 'other', '2026-01-02T00:00:00Z')
    byDefault('goes', 'other', '2025-01-01T00:00:00Z', true)
    expect(await reconcileVolume(volume(), w.deps, w.run)).toEqual({ kind: 'saved' })
    byDefault('older', 'other', '2025-06-01T00:00:00Z')
    expect(await reconcileVolume(volume(), w.deps, w.run)).toMatchObject({ reason: 'StoragePoolNotFound' })
  })
})

describe('steps in their order', () => {
  test('what its node was told is stored before anything is concluded', async () => {
    const w = world()
    const stands = Promise.withResolvers<undefined>()
    w.bus.desired.delay = () => stands.promise.then(() => undefined)
    const v = volume({ ...placed })
    w.report('volume', v, { node: 's1', epoch: 1, state: 'available', facts: { sizeGiB: 10 } })
    let outcome: unknown
    void reconcileVolume(v, w.deps, w.run).then((came) => (outcome = came))
    await settle()
    expect([outcome, v.status?.state]).toEqual([undefined, undefined])
    stands.resolve(undefined)
    await settle()
    expect(outcome).toEqual({ kind: 'done' })
  })
  test('a document that cannot be stored is no success', async () => {
    const w = world()
    w.bus.desired.failNext(new Error('no answer'))
    await expect(reconcileVolume(volume({ ...placed }), w.deps, w.run)).rejects.toThrow('no answer')
  })
  test('a pool that went is named: the volume is on it', async () => {
    const w = world()
    w.drop('storagePools', pool())
    expect(await reconcileVolume(volume({ ...placed }), w.deps, w.run)).toMatchObject({
      reason: 'StoragePoolNotFound',
      message: expect.stringContaining('the volume is on it'),
    })
    expect(w.bus.desired.writes).toBe(0)
  })
  test('nothing is decided while its node knows newer than the resource', async () => {
    const w = world()
    w.put('instances', user('vm'))
    const v = volume({ ...placed })
    w.report('volume', v, { node: 's1', epoch: 7, state: 'available', facts: { sizeGiB: 10 } })
    expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject({ reason: 'NodeAhead' })
    expect([v.status, w.bus.desired.writes]).toEqual([placed, 0])
  })
  test('who has it shows in its state: under a new epoch each time', async () => {
    const w = world()
    w.put('instances', user('vm'))
    const v = volume({ ...placed, sizeGiB: 10 })
    await reconcileVolume(v, w.deps, w.run)
    expect(v.status).toMatchObject({ state: 'in-use', epoch: 2 })
    w.report('volume', v, { node: 's1', epoch: 2, state: 'available', facts: { sizeGiB: 10 } })
    expect(await reconcileVolume(v, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(v.status?.state).toBe('in-use')
    w.drop('instances', user('vm'))
    await w.bus.desired.withdraw('c1', 'instance', 'uid-vm')
    await reconcileVolume(v, w.deps, w.run)
    expect(v.status).toMatchObject({ state: 'available', epoch: 3 })
    expect(v.status?.attachedTo).toBeUndefined()
  })
})

test.each<[string, object, object, object, string]>([
  ['whose size nobody ever said', {}, { state: 'available', facts: {} }, { reason: 'Provisioning' }, 'creating'],
  [
    'that is smaller than promised',
    {},
    { state: 'available', facts: { sizeGiB: 9 } },
    { reason: 'Provisioning' },
    'creating',
  ],
  [
    'that grows',
    { sizeGiB: 5 },
    { state: 'available', facts: { sizeGiB: 5 } },
    { reason: 'Provisioning' },
    'extending',
  ],
  ['whose size is not said again', { sizeGiB: 10 }, { state: 'available', facts: {} }, { kind: 'done' }, 'available'],
  ['that fails without a reason', { sizeGiB: 10 }, { state: 'failed' }, { reason: 'VolumeFailed' }, 'available'],
  [
    'of another generation',
    {},
    { state: 'available', facts: { sizeGiB: 10 }, versions: { incarnation: 1, term: 1, epoch: 1, generation: 0 } },
    { reason: 'Provisioning' },
    'creating',
  ],
])('a volume %s', async (_, had, report, outcome, state) => {
  const w = world()
  const v = volume({ ...placed, grantedGiB: 10, state: 'available', ...had })
  w.report('volume', v, { node: 's1', epoch: 1, state: 'available', ...report })
  expect(await reconcileVolume(v, w.deps, w.run)).toMatchObject(outcome)
  expect(v.status?.state).toBe(state)
})
