// SPDX-License-Identifier: Apache-2.0
// Who is in a ServerGroup, where its policy does not hold, and what holds it. How the scheduler keeps to it: members.test.ts.
import { expect, test } from '@jest/globals'
import type { Instance, ServerGroup } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileServerGroup } from './reconcile.ts'

type Policy = ServerGroup['spec']['policy']
const group = (policy: Policy, spec: object = {}, more: object = {}) =>
  stored<ServerGroup>('g', { policy, ...spec }, more)
const member = (name: string, node?: string, more: object = {}) => {
  const spec = { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, serverGroupRef: { name: 'g' } }
  return stored<Instance>(name, spec, { ...(node === undefined ? {} : { status: { node, epoch: 1 } }), ...more })
}
function world(...members: Instance[]) {
  const w = memoryWorld()
  for (const one of members) w.put('instances', one)
  return w
}

test('it says who is in it, and where', () => {
  const others = [member('b', 'c1', { namespace: 'other' })]
  const w = world(member('b', 'c2'), member('a', 'c1'), member('c'), ...others)
  const made = group('anti-affinity')
  expect(reconcileServerGroup(made, w.deps)).toEqual({ kind: 'done' })
  const members = [{ name: 'a', node: 'c1' }, { name: 'b', node: 'c2' }, { name: 'c' }]
  expect(made.status).toEqual({ state: 'ACTIVE', memberCount: 3, members })
})

test('of many it shows the first', () => {
  const names = Array.from({ length: 70 }, (_, i) => `m${String(i).padStart(2, '0')}`)
  const made = group('soft-affinity')
  reconcileServerGroup(made, world(...names.map((name) => member(name))).deps)
  expect([made.status?.memberCount, made.status?.members?.length, made.status?.members?.[63]?.name]).toEqual([
    ...[70, 64, 'm63'],
  ])
})

test.each<[Policy, object, string[], string | undefined]>([
  ['anti-affinity', {}, ['c1', 'c2'], undefined],
  ['anti-affinity', {}, ['c2', 'c1', 'c1'], '2 members are on node c1, 1 may be: delete some of m1, m2 '],
  ['anti-affinity', { maxServersPerHost: 2 }, ['c1', 'c1'], undefined],
  ['anti-affinity', { maxServersPerHost: 2 }, ['c1', 'c1', 'c1'], '3 members are on node c1, 2 may be'],
  ['affinity', {}, ['c1', 'c1', 'c1'], undefined],
  ['affinity', {}, ['c2', 'c1'], 'members are on c1, c2: '],
  ['soft-affinity', {}, ['c2', 'c1'], undefined],
  ['soft-anti-affinity', {}, ['c1', 'c1'], undefined],
])('policy %s, %j, members on %j', (policy, spec, nodes, message) => {
  const outcome = reconcileServerGroup(group(policy, spec), world(...nodes.map((n, i) => member(`m${i}`, n))).deps)
  if (message === undefined) expect(outcome).toEqual({ kind: 'done' })
  else expect(outcome).toMatchObject({ reason: 'PolicyBroken', message: expect.stringContaining(message) })
})

test('members with a place, or that are moving, hold it; those that wait for one do not', () => {
  const w = world(member('placed', 'c1'), member('waits'), member('moves', undefined, { status: { epoch: 1 } }))
  const going = group('affinity', {}, { deleted: true })
  const message = expect.stringMatching(/ns\/moves.*ns\/placed/)
  expect(reconcileServerGroup(going, w.deps)).toMatchObject({ reason: 'InUse', message })
  expect(going.status).toMatchObject({ state: 'DELETING', memberCount: 3 })
  for (const name of ['placed', 'moves']) w.drop('instances', member(name))
  expect(reconcileServerGroup(going, w.deps)).toEqual({ kind: 'released' })
})
