// SPDX-License-Identifier: Apache-2.0
// Which Ports a Trunk has, and what it says of those that it has not.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Instance, Network, Port, Trunk } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileTrunk } from './reconcile.ts'

let w: MemoryWorld
const port = (name: string, status: Port['status'] = {}, network = 'lan') =>
  w.put('ports', stored<Port>(name, { networkRef: { name: network } }, { status: { origin: 'User', ...status } }))
const on = (...names: string[]) => names.map((name, i) => ({ portRef: { name }, segmentationID: 100 + i }))
const trunk = (name: string, subports = on('blue'), more: object = {}) =>
  w.put('trunks', stored<Trunk>(name, { portRef: { name: 'eth0' }, subports }, more))
const given = (name: string, segmentationID = 100) => ({ port: name, portUID: `uid-${name}`, segmentationID })
const has = (...names: string[]) => ({
  status: { parentUID: 'uid-eth0', subports: names.map((n, i) => given(n, 100 + i)) },
})
const network = (name: string, mtu: number) => w.put('networks', stored<Network>(name, {}, { status: { mtu } }))
const machine = (name: string, portName: string, more: object = {}) =>
  w.put(
    'instances',
    stored<Instance>(
      name,
      { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: portName } }] },
      more,
    ),
  )
const plugged = { state: 'ACTIVE', node: 'n1', instance: { name: 'vm', uid: 'uid-vm' } } as const
const OLD = { creationTimestamp: '2020-01-01T00:00:00Z' }

beforeEach(() => {
  w = memoryWorld()
  port('eth0')
  port('blue')
  port('red')
})

describe('it is given', () => {
  test('its Ports, and is down while the parent is nowhere', () => {
    const made = trunk('t', on('blue', 'red'))
    expect(reconcileTrunk(made, w.deps)).toEqual({ kind: 'done' })
    expect(made.status).toEqual({ state: 'DOWN', parentUID: 'uid-eth0', subports: [given('blue'), given('red', 101)] })
  })
  test('none, if it asks for none', () => {
    const made = trunk('t', [], has('blue'))
    expect(reconcileTrunk(made, w.deps)).toEqual({ kind: 'done' })
    expect(made.status).toEqual({ state: 'DOWN', parentUID: 'uid-eth0' })
  })
  test('another tag at once', () => {
    const made = trunk('t', [{ portRef: { name: 'blue' }, segmentationID: 7 }], has('blue'))
    reconcileTrunk(made, w.deps)
    expect(made.status?.subports).toEqual([given('blue', 7)])
  })
})

describe('it is ACTIVE once', () => {
  const run = (parent: Port['status'], blue: Port['status']) => {
    port('eth0', parent)
    port('blue', blue)
    const made = trunk('t')
    return { outcome: reconcileTrunk(made, w.deps), state: made.status?.state, node: made.status?.node }
  }
  const onIt = { name: 't', uid: 'uid-t', segmentationID: 100 }
  test('interface and subports are', () => {
    expect(run(plugged, { ...plugged, trunk: onIt })).toEqual({
      outcome: { kind: 'done' },
      state: 'ACTIVE',
      node: 'n1',
    })
  })
  test.each<[string, Port['status'], Port['status'], string]>([
    ['the interface is', { ...plugged, state: 'BUILD' }, { ...plugged, trunk: onIt }, 'eth0'],
    ['the subport is', plugged, { ...plugged, state: 'BUILD', trunk: onIt }, 'blue'],
    ['it knows of the Trunk', plugged, { state: 'ACTIVE' }, 'blue'],
    ['it has the tag', plugged, { ...plugged, trunk: { ...onIt, segmentationID: 9 } }, 'blue'],
  ])('until %s it waits', (_, parent, blue, name) => {
    const { outcome, state } = run(parent, blue)
    expect(outcome).toMatchObject({ kind: 'wait', reason: 'PortNotReady', message: expect.stringContaining(name) })
    expect(state).toBe('BUILD')
  })
  test('a machine that is off is no reason to wait', () => {
    expect(run({ ...plugged, state: 'DOWN' }, {})).toEqual({ outcome: { kind: 'done' }, state: 'DOWN', node: 'n1' })
  })
})

describe('a Port is one thing at a time', () => {
  const refused = (made: Trunk, message: string, reason = 'PortInUse') => {
    expect(reconcileTrunk(made, w.deps)).toEqual({
      ...{ kind: 'wait', reason, message: expect.stringContaining(message) },
    })
    return made.status
  }
  test.each<[string, () => unknown, string]>([
    [
      'a machine has',
      () => port('blue', plugged),
      'Port blue in spec.subports[0].portRef is an interface of Instance vm',
    ],
    ['a machine names', () => machine('vm', 'blue'), 'is an interface of Instance vm'],
    [
      'was made for a machine',
      () => port('blue', { origin: 'Instance', owner: { name: 'vm', uid: 'u' } }),
      'Instance vm',
    ],
    [
      'is the parent of another',
      () => trunk('o', [], { status: { parentUID: 'uid-blue' } }),
      'is the parent of Trunk o',
    ],
    ['is on another', () => trunk('o', [], { status: { subports: [given('blue')] } }), 'is a subport of Trunk o'],
  ])('a subport that %s', (_, make, message) => {
    make()
    const status = refused(trunk('t', on('blue', 'red')), message)
    expect(status).toMatchObject({ state: 'DEGRADED', parentUID: 'uid-eth0', subports: [given('red', 101)] })
  })
  test.each<[string, () => unknown, string]>([
    [
      'was made for a machine',
      () => port('eth0', { origin: 'Instance', owner: { name: 'vm', uid: 'u' } }),
      'goes with it',
    ],
    ['is the parent of another', () => trunk('o', [], has()), 'is the parent of Trunk o'],
    ['is on another', () => trunk('o', [], { status: { subports: [given('eth0')] } }), 'is a subport of Trunk o'],
  ])('a parent that %s', (_, make, message) => {
    make()
    expect(refused(trunk('t'), message)).toEqual({ state: 'DOWN' })
  })
  test('of two that have it since one moment the older keeps it', () => {
    const old = trunk('old', on('blue'), { ...has('blue'), ...OLD })
    const young = trunk('young', on('blue'), has('blue'))
    refused(young, 'is the parent of Trunk old')
    expect(young.status?.subports).toBeUndefined()
    reconcileTrunk(old, w.deps)
    expect(old.status).toMatchObject(has('blue').status)
  })
  test('a machine that names one later is no reason: that waits', () => {
    machine('vm', 'blue')
    const made = trunk('t', on('blue'), has('blue'))
    expect(reconcileTrunk(made, w.deps)).toEqual({ kind: 'done' })
  })
  test('a machine that got it at the same moment keeps it', () => {
    port('blue', plugged)
    const made = trunk('t', on('blue'), has('blue'))
    refused(made, 'is an interface of Instance vm')
    expect(made.status?.subports).toBeUndefined()
  })
  test('a machine that is being deleted and let go of it is no reason', () => {
    machine('vm', 'blue', { deleted: true })
    expect(reconcileTrunk(trunk('t'), w.deps)).toEqual({ kind: 'done' })
  })
  test.each([
    ['missing', () => w.drop('ports', port('blue')), 'PortNotFound'],
    [
      'being deleted',
      () => w.put('ports', stored<Port>('blue', { networkRef: { name: 'lan' } }, { deleted: true })),
      'PortDeleting',
    ],
  ])('a subport that is %s', (_, make, reason) => {
    make()
    refused(trunk('t', on('blue', 'red')), 'blue', reason)
  })
  test('the parent that is missing: what it has stays its own, for it may come back', () => {
    w.drop('ports', port('eth0'))
    expect(refused(trunk('t', on('blue'), has('blue')), 'eth0', 'PortNotFound')).toEqual({
      ...has('blue').status,
      state: 'DOWN',
    })
  })
})

describe('frames larger than the interface takes', () => {
  beforeEach(() => {
    network('lan', 1442)
    network('large', 1500)
    port('blue', {}, 'large')
  })
  test('are refused before', () => {
    const made = trunk('t')
    expect(reconcileTrunk(made, w.deps)).toMatchObject({
      reason: 'MTUTooLarge',
      message: expect.stringContaining('1500'),
    })
    expect(made.status).toEqual({ state: 'DEGRADED', parentUID: 'uid-eth0' })
  })
  test('are said later: what it has stays', () => {
    const made = trunk('t', on('blue'), has('blue'))
    expect(reconcileTrunk(made, w.deps)).toMatchObject({ reason: 'MTUTooLarge' })
    expect(made.status?.subports).toEqual([given('blue')])
  })
})

test('it goes when all its Ports have left', () => {
  const onIt = port('blue', { trunk: { name: 't', uid: 'uid-t', segmentationID: 100 } })
  const going = trunk('t', on('blue'), { deleted: true, ...has('blue') })
  expect(reconcileTrunk(going, w.deps)).toEqual({ kind: 'saved' })
  expect(going.status).toEqual({ state: 'DELETING' })
  expect(reconcileTrunk(going, w.deps)).toMatchObject({
    reason: 'Releasing',
    message: expect.stringContaining('Port ns/blue'),
  })
  w.put('ports', { ...onIt, status: {} })
  expect(reconcileTrunk(going, w.deps)).toEqual({ kind: 'released' })
})
