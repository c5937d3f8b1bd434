// SPDX-License-Identifier: Apache-2.0
// Who wakes a Reachability that has no answer yet, and how its end is told. Without a clock.
import { beforeEach, expect, test } from '@jest/globals'
import type { Reachability, Router, SecurityGroup } from '../../../lib/api/types.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { reachabilityController } from './controller.ts'

type Status = NonNullable<Reachability['status']>
let world: MemoryWorld
const question = (name: string, status: Status, namespace = 'ns') => {
  const spec = { source: { portRef: { name: 'a' } }, destination: { portRef: { name: 'b' } } }
  return stored<Reachability>(name, spec, { status, namespace })
}
beforeEach(() => {
  world = memoryWorld()
  world.put('reachabilities', question('pending', { state: 'Pending' }))
  world.put('reachabilities', question('answered', { state: 'Succeeded' }))
  world.put('reachabilities', question('elsewhere', { state: 'Pending' }, 'other'))
})

test('what an answer hangs on wakes those of its namespace that have none', () => {
  const woken = wokenBy(world, reachabilityController)
  expect(woken('securityGroups', stored<SecurityGroup>('web', {}))).toEqual(['ns/pending'])
  expect(woken('routers', stored<Router>('main', {}))).toEqual(['ns/pending'])
  expect(woken('routers', stored<Router>('main', {}, { namespace: 'third' }))).toEqual([])
})

test('a probe that is over lets those go on that wait to send theirs', () => {
  const spec = { source: { portRef: { name: 'a' } }, destination: { portRef: { name: 'b' } }, verify: true }
  world.put('reachabilities', stored<Reachability>('next', spec, { status: { state: 'Pending' } }))
  const woken = wokenBy(world, reachabilityController)
  const over = question('over', { state: 'Succeeded' })
  expect(woken('reachabilities', over, question('over', { state: 'Succeeded', node: 'n1' }))).toEqual(['ns/next'])
  expect(woken('reachabilities', over, question('over', { state: 'Pending' }))).toEqual([])
})

const ready = { ready: true, reconciling: false, stalled: false }
test.each([
  [{ state: 'Succeeded', reachable: true }, { kind: 'done' }, { ...ready, reason: 'Answered' }],
  [
    { state: 'Succeeded', reachable: false, stoppedBy: { direction: 'answer', reason: 'NoRoute', message: 'no way' } },
    { kind: 'done' },
    { ...ready, reason: 'Answered', message: 'no way' },
  ],
  [
    { state: 'Succeeded', reachable: true, probe: { result: 'Silent', message: 'nothing came back' } },
    { kind: 'done' },
    { ...ready, message: 'the request gets there, and its answer back; probe: nothing came back' },
  ],
  [
    { state: 'Failed' },
    { kind: 'wait', reason: 'PortNotFound', message: 'none' },
    { ready: false, reconciling: false, stalled: true, reason: 'PortNotFound' },
  ],
  [
    { state: 'Pending' },
    { kind: 'wait', reason: 'PortNotFound', message: 'none' },
    { ready: false, reconciling: true, stalled: false, reason: 'PortNotFound' },
  ],
] as const)('%j', (status, outcome, said) => {
  const controller = reachabilityController(world.deps, world.stores as unknown as OperatorInformers)
  expect(controller.readiness?.(question('why', status), { kind: 'outcome', outcome })).toMatchObject(said)
})
