// SPDX-License-Identifier: Apache-2.0
// Which nodes a HostAggregate has, and what it says of them; what that does to the nodes is in aggregated-nodes.test.ts.
import { expect, test } from '@jest/globals'
import type { ComputeNode, HostAggregate, KubeNode } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { listAggregatesOf, listMembersOf } from './membership.ts'
import { reconcileHostAggregate } from './reconcile.ts'
import { givesZone } from './zone.ts'

const aggregate = (name: string, spec: HostAggregate['spec'], at = '2026-01-01T00:00:00Z', more: object = {}) => {
  const made = stored<HostAggregate>(name, spec, { namespace: '', ...more })
  made.metadata.creationTimestamp = at
  return made
}
const LATER = '2026-02-01T00:00:00Z'

/** Nodes by name, each with these labels. */
function cloud(nodes: Record<string, Record<string, string>>, ...aggregates: HostAggregate[]) {
  const w = memoryWorld()
  for (const [name, labels] of Object.entries(nodes)) {
    w.put('nodes', stored<KubeNode>(name, {}, { namespace: '', labels }))
    w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '' }))
  }
  for (const one of aggregates) w.put('hostAggregates', one)
  return w
}
const NODES = { a: { disk: 'nvme', rack: '1' }, b: { disk: 'nvme', rack: '2' }, c: { disk: 'hdd', rack: '1' } }

test.each<[string, HostAggregate['spec'], string[]]>([
  ['none', {}, []],
  ['by name', { nodes: ['c', 'a'] }, ['a', 'c']],
  ['by a label', { nodeSelector: { disk: 'nvme' } }, ['a', 'b']],
  ['by all of the labels', { nodeSelector: { disk: 'nvme', rack: '1' } }, ['a']],
  ['by all of the labels in another order', { nodeSelector: { rack: '1', disk: 'nvme' } }, ['a']],
  ['by name or labels, once', { nodes: ['a', 'c'], nodeSelector: { disk: 'nvme' } }, ['a', 'b', 'c']],
  ['no label matches', { nodeSelector: { disk: 'tape' } }, []],
])('its nodes: %s', (_, spec, members) => {
  const one = aggregate('x', spec)
  const w = cloud(NODES, one)
  expect(listMembersOf(one, w.deps.caches)).toEqual(members)
  // The other way round it is the same.
  const found = Object.keys(NODES).filter((name) => listAggregatesOf(name, w.deps.caches).length > 0)
  expect(found).toEqual(members)
  expect(reconcileHostAggregate(one, w.deps)).toEqual({ kind: 'done' })
  expect(one.status).toEqual({ state: 'ACTIVE', nodeCount: members.length, nodes: members })
})

test('one that is being deleted has none, and is gone at once', () => {
  const going = aggregate('x', { nodes: ['a'] }, LATER, { deleted: true })
  const w = cloud(NODES, going)
  expect(listAggregatesOf('a', w.deps.caches)).toEqual([])
  expect(reconcileHostAggregate(going, w.deps)).toEqual({ kind: 'released' })
  expect(going.status).toEqual({ state: 'DELETING' })
})

test('names of no node are said; the others are in it', () => {
  const one = aggregate('x', { nodes: ['a', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6'] })
  expect(reconcileHostAggregate(one, cloud(NODES, one).deps)).toMatchObject({
    ...{ kind: 'wait', reason: 'NodeNotFound' },
    message: expect.stringContaining('spec.nodes: d1, d2, d3, d4, d5 and 1 more;'),
  })
  expect(one.status?.nodes).toEqual(['a'])
})

test('of two that give a node its zone the older one counts, and the younger says so', () => {
  const older = aggregate('x', { nodes: ['a'], availabilityZone: 'z1' })
  const younger = aggregate('w', { nodes: ['a', 'b'], availabilityZone: 'z2' }, LATER)
  const without = aggregate('v', { nodes: ['a', 'b', 'c'] }, '2025-01-01T00:00:00Z')
  const w = cloud(NODES, younger, older, without)
  const zoneOf = (name: string) => givesZone(listAggregatesOf(name, w.deps.caches))?.spec.availabilityZone
  expect(['a', 'b', 'c'].map(zoneOf)).toEqual(['z1', 'z2', undefined])
  expect(reconcileHostAggregate(older, w.deps)).toEqual({ kind: 'done' })
  expect(reconcileHostAggregate(younger, w.deps)).toMatchObject({
    ...{ kind: 'wait', reason: 'ZoneConflict' },
    message: expect.stringContaining('a (z1 by x)'),
  })
  younger.spec.availabilityZone = 'z1'
  w.put('hostAggregates', younger)
  expect(reconcileHostAggregate(younger, w.deps)).toEqual({ kind: 'done' })
})
