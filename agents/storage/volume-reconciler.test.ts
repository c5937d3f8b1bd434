// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from '@jest/globals'
import { pino } from 'pino'
import type { NodeDocument, NodeSpec, Tombstone, VolumeDocument } from '../../lib/contract/documents.ts'
import { TransientError } from '../../lib/errors.ts'
import type { NodeState, RunContext } from '../runtime/reconciler.ts'
import { FakeVolumeDriver } from './drivers/fake/fake-volume-driver.ts'
import { VolumeReconciler } from './volume-reconciler.ts'

const KEY = 'a'.repeat(40)
const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
const header = { v: 1 as const, node: 'n1', name: 'data', versions }
const pool = { name: 'default', uid: 'pool-1', driver: 'file', path: '/pool' }
const volumeOf = (spec: Partial<VolumeDocument['spec']> = {}): VolumeDocument => ({
  ...header,
  kind: 'volume',
  uid: 'v1',
  tombstone: false,
  spec: { pool: 'default', driver: 'file', sizeGiB: 1, format: 'raw', exportTo: [], ...spec },
})
const tombstone: Tombstone = { ...header, kind: 'volume', uid: 'v1', tombstone: true }

let driver: FakeVolumeDriver
let pools: NodeSpec['pools']
let reconciler: VolumeReconciler
const context = (): RunContext => ({
  node: 'n1',
  bootId: 'b',
  grantedBootId: 'b',
  signal: AbortSignal.timeout(5000),
  log: pino({ level: 'silent' }),
  listed: () => undefined,
  report: () => undefined,
  leaveSlot: () => undefined,
  runAgainWithin: () => undefined,
  state: {
    find: () => undefined,
    findObserved: () => undefined,
    list: () => [
      { ...header, kind: 'node', uid: 'node-1', tombstone: false, spec: { roles: {}, pools } } satisfies NodeDocument,
    ],
  } as unknown as NodeState,
})
beforeEach(() => {
  driver = new FakeVolumeDriver()
  pools = [pool]
  reconciler = new VolumeReconciler({
    createDriver: () => driver,
    knownPools: async () => [pool],
    poolOf: async () => undefined,
  })
})

test('a volume is available, without a connection until it is exported', async () => {
  expect(await reconciler.reconcile(volumeOf(), context())).toEqual({
    state: 'available',
    facts: { sizeGiB: 1, exportedTo: [] },
  })
  const exported = await reconciler.reconcile(
    volumeOf({ exportTo: ['n3', 'n2'], exportKeys: { n2: KEY, n3: KEY }, sizeGiB: 2 }),
    context(),
  )
  expect(exported).toMatchObject({
    state: 'available',
    facts: { sizeGiB: 2, exportedTo: ['n2', 'n3'], connection: { protocol: 'file' } },
  })
  expect(driver.exportedTo('v1')).toEqual(['n3', 'n2'])
  await reconciler.reconcile(volumeOf({ sizeGiB: 2 }), context())
  expect(driver.exportedTo('v1')).toEqual([])
})

test.each([
  ['a full pool', () => driver.failNext('grow', new TransientError('PoolFull', 'no room')), 3, 'PoolFull', false],
  ['a size of before', () => undefined, 1, 'VolumeCannotShrink', true],
])(
  'with %s the volume is served as it is, and who may no longer use it is cut off',
  async (_, fail, sizeGiB, reason, terminal) => {
    const exportKeys = { n2: KEY, n3: KEY }
    await reconciler.reconcile(volumeOf({ exportTo: ['n2'], exportKeys, sizeGiB: 2 }), context())
    fail()
    const moved = await reconciler.reconcile(volumeOf({ exportTo: ['n3'], exportKeys, sizeGiB }), context())
    expect(moved).toMatchObject({
      state: 'available',
      facts: { sizeGiB: 2, exportedTo: ['n3'], connection: { protocol: 'file' } },
      error: { reason, terminal },
      retryAfterMs: 60_000,
    })
    expect(driver.exportedTo('v1')).toEqual(['n3'])
    if (!terminal) fail()
    expect(await reconciler.reconcile(volumeOf({ sizeGiB }), context())).toMatchObject({
      facts: { sizeGiB: 2, exportedTo: [] },
      error: { reason, terminal },
      retryAfterMs: 60_000,
    })
    expect(driver.exportedTo('v1')).toEqual([])
  },
)

test('a pool that the node does not have (yet) is waited for', async () => {
  pools = []
  await expect(reconciler.reconcile(volumeOf(), context())).rejects.toMatchObject({
    name: 'TransientError',
    reason: 'PoolNotOnNode',
  })
  pools = [pool]
  expect(await reconciler.reconcile(volumeOf(), context())).toMatchObject({ state: 'available' })
})

test('a tombstone ends the export and the data, and may come twice', async () => {
  await reconciler.reconcile(volumeOf({ exportTo: ['n2'], exportKeys: { n2: KEY } }), context())
  expect(await reconciler.listOwned(context().signal)).toEqual([
    { kind: 'volume', uid: 'v1', what: 'volume of 1 GiB in pool default' },
  ])
  for (let i = 0; i < 2; i++) expect(await reconciler.remove(tombstone, context())).toEqual({ state: 'gone' })
  expect(await driver.list()).toEqual([])
})

test('each pool is a place of its own: one that fails leaves the others to be listed', async () => {
  const [good, bad] = [new FakeVolumeDriver(), new FakeVolumeDriver()]
  const other = { name: 'other', driver: 'file', path: '/other' }
  reconciler = new VolumeReconciler({
    createDriver: ({ path }) => (path === '/other' ? bad : good),
    knownPools: async () => [pool, other],
    poolOf: async () => undefined,
  })
  await good.ensure({ id: 'v1', sizeGiB: 1, format: 'raw' })
  bad.failNext('list', new TransientError('PoolUnavailable', 'mount it'))
  expect(await reconciler.places()).toEqual([
    { id: '/pool', name: 'pool default' },
    { id: '/other', name: 'pool other' },
  ])
  const { signal } = context()
  expect(await reconciler.listOwned(signal, '/pool')).toMatchObject([{ uid: 'v1' }])
  await expect(reconciler.listOwned(signal, '/other')).rejects.toMatchObject({ reason: 'PoolUnavailable' })
})

test('a failing driver is told of, and the next run goes on', async () => {
  driver.failNext('export', new Error('daemon gone'))
  await expect(
    reconciler.reconcile(volumeOf({ exportTo: ['n2'], exportKeys: { n2: KEY } }), context()),
  ).rejects.toThrow('daemon gone')
  expect(await reconciler.reconcile(volumeOf({ exportTo: ['n2'], exportKeys: { n2: KEY } }), context())).toMatchObject({
    state: 'available',
  })
})

test('the inventory has each pool with its room, or why it cannot be used', async () => {
  expect(await reconciler.inventory([pool], context().signal)).toEqual({
    pools: [{ name: 'default', uid: 'pool-1', driver: 'file', totalGiB: 1024, freeGiB: 1024 }],
  })
})

test('a volume that nobody may use any more is cut off although its pool does not answer', async () => {
  const exported = volumeOf({ exportTo: ['n2'], exportKeys: { n2: KEY } })
  await reconciler.reconcile(exported, context())
  driver.failNext('ensure', new TransientError('PoolUnresponsive', 'the disk hangs'))
  await expect(reconciler.reconcile(volumeOf(), context())).rejects.toMatchObject({ reason: 'PoolUnresponsive' })
  expect(driver.exportedTo('v1')).toEqual([])
})
