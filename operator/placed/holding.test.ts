// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance, Port } from '../../lib/api/types.ts'
import { memoryWorld, stored } from '../testing/memory-deps.ts'
import { automaticPortName } from './automatic-port-name.ts'
import { byAge, hasLetGo, usersOfPort } from './holding.ts'
import { placementsOf, wasPlaced } from './placement.ts'
import { nextEpoch } from './next-epoch.ts'
import { ReleaseDesk } from './release-desk.ts'
import { releaseFrom } from './release.ts'
import { WaitingRoom } from '../controllers/common/waiting-room.ts'
import { ownerInstanceOf, ownerOfPort } from './port-owner.ts'

const SPEC: Instance['spec'] = { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }
const machine = (status: object = {}, more: object = {}) => stored<Instance>('vm', SPEC, { status, ...more })
const owner = { apiVersion: 'nephele.dev/v1alpha1', kind: 'Instance', name: 'vm', uid: 'uid-vm', controller: true }
const automatic = automaticPortName(machine(), 0)
const port = (name: string, owners: object[] = [], status?: object): Port => {
  const made = stored<Port>(name, { networkRef: { name: 'n' } }, status ? { status: status } : {})
  return { ...made, metadata: { ...made.metadata, ownerReferences: owners as never } }
}

describe('whose an automatic port is', () => {
  const vm = { name: 'vm', uid: 'uid-vm' }
  test.each<[string, Port, object | undefined]>([
    ['made for a machine', port(automatic, [owner]), vm],
    ['made with a second owner before', port(automatic, [{ ...owner, name: 'x', controller: false }, owner]), vm],
    ['owned without being controlled', port(automatic, [{ ...owner, controller: false }]), undefined],
    ['owned by another kind', port(automatic, [{ ...owner, kind: 'Stack' }]), undefined],
    ['owned by another group’s kind', port(automatic, [{ ...owner, apiVersion: 'kubevirt.io/v1' }]), undefined],
    ['of a group that begins alike', port(automatic, [{ ...owner, apiVersion: 'nephele.development/v1' }]), undefined],
    ['of another name', port('web', [owner]), undefined],
    ['of another machine’s UID', port(automatic, [{ ...owner, uid: 'uid-x' }]), undefined],
    ['without an owner', port(automatic), undefined],
    ['decided to be a user’s', port(automatic, [owner], { origin: 'User' }), undefined],
    ['decided to be a machine’s', port('web', [], { origin: 'Instance', owner: vm }), vm],
  ])('%s', (_, object, expected) => expect(ownerOfPort(object)).toEqual(expected))

  test('a machine of another namespace is not its owner', () => {
    const w = memoryWorld()
    w.put('instances', machine({}, { namespace: 'other' }))
    expect(ownerInstanceOf(port(automatic, [owner]), w.deps)).toBeUndefined()
    w.put('instances', machine())
    expect(ownerInstanceOf(port(automatic, [owner]), w.deps)?.metadata.namespace).toBe('ns')
  })
})

test('users of a port are the oldest first; of an automatic one its machine alone', () => {
  const w = memoryWorld()
  const user = (name: string, creationTimestamp: string, portName: string) => {
    const one = stored<Instance>(name, { ...SPEC, networks: [{ portRef: { name: portName } }] })
    one.metadata.creationTimestamp = creationTimestamp
    return w.put('instances', one)
  }
  for (const name of ['web', automatic]) {
    user(`young-${name}`, '2026-01-03T00:00:00Z', name)
    user(`b-${name}`, '2026-01-02T00:00:00Z', name)
    user(`a-${name}`, '2026-01-02T00:00:00Z', name)
  }
  const names = (of: Port) => usersOfPort(of, w.deps).map(({ metadata }) => metadata.name)
  expect(names(port('web'))).toEqual(['a-web', 'b-web', 'young-web'])
  expect(names(port(automatic, [owner]))).toEqual([])
  w.put('instances', stored<Instance>('vm', { ...SPEC, networks: [{ portRef: { name: automatic } }] }))
  expect(names(port(automatic, [owner]))).toEqual(['vm'])
  expect(byAge(machine(), machine())).toBe(0)
})

describe('where a machine may still be', () => {
  const status = { node: 'c1', epoch: 3, pendingReleases: [{ node: 'c2', epoch: 2 }] }
  test('its node first, then those that have not let go', () => {
    const at = (instance: Instance) => placementsOf(instance).map(({ node, epoch }) => [node, epoch])
    expect(at(machine(status))).toEqual([
      ['c1', 3],
      ['c2', 2],
    ])
    expect(at(machine({ epoch: 3, pendingReleases: status.pendingReleases }))).toEqual([['c2', 2]])
    expect(at(machine())).toEqual([])
  })
  test.each<[object, boolean]>([
    [{}, false],
    [{ epoch: 0 }, false],
    [{ epoch: 1 }, true],
    [{ node: 'c1' }, true],
  ])('%j: placed before %s', (given, was) => expect(wasPlaced(machine(given))).toBe(was))
  test('it has let go when it is being deleted and every node said so', () => {
    const w = memoryWorld()
    for (const name of ['c1', 'c2']) w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '' }))
    const going = machine(status, { deleted: true })
    const report = (node: string, epoch: number) => w.report('instance', going, { node, epoch, state: 'gone' })
    expect(hasLetGo(going, w.deps)).toBe(false)
    report('c1', 3)
    expect(hasLetGo(going, w.deps)).toBe(false)
    report('c2', 1)
    expect(hasLetGo(going, w.deps)).toBe(false)
    report('c2', 2)
    expect(hasLetGo(going, w.deps)).toBe(true)
    expect(hasLetGo(machine(status), w.deps)).toBe(false)
  })
})

test.each([
  [undefined, undefined, 1],
  [4, undefined, 5],
  [4, 2, 5],
  [2, 7, 8],
  [undefined, 7, 8],
  // Not believed.
  [4, 2 ** 31, 5],
  [4, 2 ** 31 - 1, 2 ** 31],
])('after epoch %s, and %s of the new node: %s', (before, said, next) => {
  const w = memoryWorld()
  if (said !== undefined) w.report('instance', machine(), { node: 'c1', epoch: said, state: 'gone' })
  w.report('instance', machine(), { node: 'c2', epoch: 1_000, state: 'gone' })
  expect(nextEpoch({ kind: 'instance', uid: 'uid-vm', node: 'c1' }, before, w.deps)).toBe(next)
})

describe('releases that wait to be written', () => {
  const release = { kind: 'instance' as const, uid: 'u', name: 'vm', epoch: 3 }
  test('the node’s controller is woken, and has them until they are stored under that epoch', () => {
    const desk = new ReleaseDesk()
    const woken: string[] = []
    desk.onRequest((node) => woken.push(node))
    desk.request('c1', release)
    desk.request('c1', { ...release, kind: 'port' })
    expect(woken).toEqual(['c1', 'c1'])
    expect(desk.listNew('c2', [])).toEqual([])
    expect(desk.listNew('c1', [{ ...release, epoch: 2 }])).toHaveLength(2)
    expect(desk.listNew('c1', [release])).toEqual([{ ...release, kind: 'port' }])
    expect(desk.listNew('c1', [{ ...release, kind: 'port', epoch: 4 }])).toEqual([])
  })
  test.each([
    [0, ''],
    [59_999, ''],
    [60_000, ' for more than a minute'],
    [3_599_999, ' for more than a minute'],
    [3_600_000, ' for more than an hour'],
    [86_399_999, ' for more than an hour'],
    [86_400_000, ' for more than a day'],
  ])('a node that was last heard %i ms before it fell silent for good: "%s"', async (ms, since) => {
    const w = memoryWorld()
    w.put('computeNodes', stored<ComputeNode>('c1', {}, { namespace: '' }))
    w.bus.heartbeats.expect(['c1'])
    w.bus.heartbeats.beat('c1', 'boot-0001')
    w.clock.ms = 40_000
    w.bus.heartbeats.tick()
    w.clock.ms = ms
    const placement = { kind: 'instance' as const, object: machine(), node: 'c1', epoch: 1 }
    const help = ' and must confirm the release. If it is off for good, set spec.lost: Confirmed on ComputeNode c1'
    expect(await releaseFrom(placement, w.deps)).toMatchObject({
      reason: 'NodeSilent',
      message: `node c1 has not been heard${since}${help}`,
    })
  })
  test.each([
    ['heard', true, 'Releasing', 'waiting for node c1 to release it'],
    ['unknown to Kubernetes', false, 'NodeSilent', 'node c1 has no ComputeNode: bring the node back'],
  ])('a node that is %s', async (_, isThere, reason, message) => {
    const w = memoryWorld()
    if (isThere) w.put('computeNodes', stored<ComputeNode>('c1', {}, { namespace: '' }))
    const placement = { kind: 'instance' as const, object: machine(), node: 'c1', epoch: 1 }
    expect(await releaseFrom(placement, w.deps)).toMatchObject({ reason, message: expect.stringContaining(message) })
    expect(w.bus.desired.find('c1', 'instance', 'uid-vm')?.tombstone).toBe(true)
  })
})

test('whoever waits for room is woken each time, until it leaves', () => {
  const room = new WaitingRoom()
  const woken: string[] = []
  room.onWake((key) => woken.push(key))
  for (const key of ['ns/a', 'ns/b', 'ns/a']) room.enter(key)
  room.wakeAll()
  room.leave('ns/a')
  room.wakeAll()
  expect([woken, room.size]).toEqual([['ns/a', 'ns/b', 'ns/b'], 1])
})
