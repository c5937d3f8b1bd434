// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, KubeNode, StoragePool, Volume } from '../../../lib/api/types.ts'
import type { Inventory } from '../../../lib/contract/documents.ts'
import { inventoryOf } from '../../testing/inventory.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { pathOf, reconcileStoragePool } from './reconcile.ts'

type PoolWord = NonNullable<Inventory['pools']>[number]

const pool = (status?: StoragePool['status'], more: object = {}) =>
  stored<StoragePool>(
    'files',
    { driver: 'file', nodeSelector: { matchLabels: { tier: 'fast' } } },
    { namespace: '', ...(status ? { status } : {}), ...more },
  )
const labels = { 'nephele.dev/storage': 'true', tier: 'fast' }
const word = (freeGiB: number, more: object = {}): PoolWord => ({
  name: 'files',
  driver: 'file',
  totalGiB: 100,
  freeGiB,
  ...more,
})

function world(
  nodes: Record<string, PoolWord[] | undefined>,
  nodeLabels: Record<string, string> = labels,
): MemoryWorld {
  const w = memoryWorld()
  for (const [name, pools] of Object.entries(nodes)) {
    w.put('nodes', stored<KubeNode>(name, {}, { namespace: '', labels: nodeLabels }))
    if (pools) w.bus.publishInventory(inventoryOf(name, { pools }))
  }
  return w
}

describe('what nodes report', () => {
  test.each([
    ['a pool', { s1: [word(60)] }, labels, { kind: 'done' }, 'up', [{ node: 's1', totalGiB: 100, freeGiB: 60 }]],
    ['no node', {}, labels, { kind: 'wait', reason: 'NoStorageNode' }, 'down', []],
    [
      'a node without the role',
      { s1: [word(60)] },
      { tier: 'fast' },
      { kind: 'wait', reason: 'NoStorageNode' },
      'down',
      [],
    ],
    [
      'a node that the selector leaves out',
      { s1: [word(60)] },
      { ...labels, tier: 'slow' },
      { kind: 'wait', reason: 'NoStorageNode' },
      'down',
      [],
    ],
    [
      'a node that says nothing of it',
      { s1: [] },
      labels,
      { kind: 'wait', reason: 'PoolNotReported', message: expect.stringContaining('s1') },
      'down',
      [],
    ],
    [
      'a broken one beside a good one',
      { s1: [word(60)], s2: [word(0, { error: 'not mounted' })] },
      labels,
      { kind: 'wait', reason: 'PoolBroken', message: expect.stringContaining('s2: not mounted') },
      'up',
      [{ node: 's1' }, { node: 's2', error: 'not mounted' }],
    ],
  ] as const)('%s', (_, nodes, nodeLabels, outcome, state, seen) => {
    const w = world(nodes as never, nodeLabels)
    const p = pool()
    expect(reconcileStoragePool(p, w.deps)).toMatchObject(outcome)
    expect(p.status?.state).toBe(state)
    expect(p.status?.nodes).toMatchObject(seen)
    expect(p.status?.nodes).toHaveLength(seen.length)
  })
})

test.each([
  ['less than a fiftieth is not written', 59, 60],
  ['a fiftieth is', 58, 58],
  ['more is', 57, 57],
])('free room: %s', (_, now, written) => {
  const p = pool({ nodes: [{ node: 's1', totalGiB: 100, freeGiB: 60 }] })
  reconcileStoragePool(p, world({ s1: [word(now)] }).deps)
  expect(p.status?.nodes).toEqual([{ node: 's1', totalGiB: 100, freeGiB: written }])
})

test.each([
  ['comes', undefined, 'not mounted'],
  ['changes', 'not mounted', 'read-only'],
  ['goes', 'not mounted', undefined],
])('a fault that %s is written, whatever room is free', (_, before, now) => {
  const at = (error: string | undefined) => ({ totalGiB: 100, freeGiB: 60, ...(error === undefined ? {} : { error }) })
  const p = pool({ nodes: [{ node: 's1', ...at(before) }] })
  reconcileStoragePool(p, world({ s1: [word(60, now === undefined ? {} : { error: now })] }).deps)
  expect(p.status?.nodes).toEqual([{ node: 's1', ...at(now) }])
})

test('what was known stays while the bus has nothing', () => {
  const p = pool({ nodes: [{ node: 's1', totalGiB: 100, freeGiB: 60 }] })
  expect(reconcileStoragePool(p, world({ s1: undefined }).deps)).toEqual({ kind: 'done' })
  expect(p.status?.nodes).toEqual([{ node: 's1', totalGiB: 100, freeGiB: 60 }])
})

test.each([
  ['its only node', ['s1'], { kind: 'wait', reason: 'NodeSilent', message: expect.stringContaining('s1') }, 'down'],
  ['one of two', ['s1', 's2'], { kind: 'done' }, 'up'],
] as const)('node-lost: %s is silent', (_, nodes, outcome, state) => {
  const w = world(Object.fromEntries(nodes.map((node) => [node, [word(60)]])))
  w.bus.heartbeats.expect([...nodes])
  for (const node of nodes) w.bus.heartbeats.beat(node, 'boot-0001')
  w.clock.ms = 60_000
  if (nodes.length > 1) w.bus.heartbeats.beat('s2', 'boot-0001')
  w.bus.heartbeats.tick()
  const p = pool()
  expect(reconcileStoragePool(p, w.deps)).toMatchObject(outcome)
  expect(p.status?.state).toBe(state)
})

test('its only node is confirmed lost: nobody is heard, though nobody is silent', () => {
  const w = world({ s1: [word(60)] })
  w.put('computeNodes', stored<ComputeNode>('s1', { lost: 'Confirmed' }, { namespace: '' }))
  const p = pool()
  expect(reconcileStoragePool(p, w.deps)).toMatchObject({ kind: 'wait', reason: 'NodeSilent' })
  expect(p.status?.state).toBe('down')
})

test.each([
  ['in use', [stored<Volume>('v', { sizeGiB: 1 }, { status: { pool: 'files' } })], { reason: 'InUse' }],
  ['of another pool', [stored<Volume>('v', { sizeGiB: 1 }, { status: { pool: 'x' } })], { kind: 'released' }],
])('delete: %s', (_, volumes, outcome) => {
  const w = world({ s1: [word(60)] })
  for (const v of volumes) w.put('volumes', v)
  expect(reconcileStoragePool(pool(undefined, { deleted: true }), w.deps)).toMatchObject(outcome)
})

test('its folder is the spec’s, or one of its name', () => {
  expect(pathOf(pool())).toBe('/var/lib/nephele/volumes/files')
  expect(pathOf(stored<StoragePool>('files', { driver: 'file', file: { path: '/srv/x' } }, { namespace: '' }))).toBe(
    '/srv/x',
  )
})
