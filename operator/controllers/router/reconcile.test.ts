// SPDX-License-Identifier: Apache-2.0
// Which subnets a Router joins, what it says of the others, and that it keeps what it has.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Network, Port, Router, Subnet } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcileRouter } from './reconcile.ts'

let w: MemoryWorld
const subnetOf = (name: string, cidr: string, more: object = {}) =>
  stored<Subnet>(name, { networkRef: { name: `net-${name}` }, cidr, ...more })
const joining = (names: readonly string[], more: object = {}, routes: Router['spec']['routes'] = []) =>
  stored<Router>('r', { interfaces: names.map((name) => ({ subnetRef: { name } })), routes }, more)

/** With a network of its own that is there. */
async function addSubnet(subnet: Subnet): Promise<void> {
  const network = stored<Network>(subnet.spec.networkRef.name, {})
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
}
async function step(router: Router): Promise<Outcome> {
  const outcome = await reconcileRouter(router, w.deps, w.run)
  w.put('routers', router)
  return outcome
}
const made = (uid = 'uid-r') => w.network.rows.of('Router').get(uid)
const legs = (router: Router) => router.status?.interfaces?.map(({ subnet, ipAddress }) => `${subnet} ${ipAddress}`)
const message = (text: string): unknown => expect.stringContaining(text)

beforeEach(async () => {
  w = memoryWorld()
  await addSubnet(subnetOf('a', '10.0.1.0/24'))
  await addSubnet(subnetOf('b', '10.0.2.0/24', { gatewayIP: '10.0.2.254' }))
})

test('it joins its subnets at their gateway addresses, and leaves one that is taken out', async () => {
  const router = joining(['a', 'b'])
  expect(await step(router)).toEqual({ kind: 'done' })
  expect(router.status).toMatchObject({ state: 'ACTIVE' })
  expect(legs(router)).toEqual(['a 10.0.1.1', 'b 10.0.2.254'])
  expect(made()?.interfaces).toMatchObject([
    { uid: 'uid-a', networkUid: 'uid-net-a', cidr: '10.0.1.0/24', gatewayIP: '10.0.1.1' },
    { uid: 'uid-b', networkUid: 'uid-net-b', cidr: '10.0.2.0/24', gatewayIP: '10.0.2.254' },
  ])
  router.spec.interfaces = [{ subnetRef: { name: 'b' } }]
  expect(await step(router)).toEqual({ kind: 'done' })
  expect(legs(router)).toEqual(['b 10.0.2.254'])
  expect(made()?.interfaces).toMatchObject([{ uid: 'uid-b' }])
})

test('one that joins nothing is there', async () => {
  const router = stored<Router>('r', {})
  expect(await step(router)).toEqual({ kind: 'done' })
  expect(made()).toMatchObject({ interfaces: [], routes: [] })
})

describe('what cannot be joined is said, and the rest is joined', () => {
  test.each<[string, () => unknown, readonly string[], object]>([
    [
      'is not there',
      () => undefined,
      ['a', 'x'],
      { reason: 'SubnetNotFound', message: message('ns/x in spec.interfaces[1].subnetRef') },
    ],
    [
      'is being deleted',
      () =>
        w.put('subnets', {
          ...subnetOf('x', '10.0.3.0/24'),
          ...stored<Subnet>('x', subnetOf('x', '10.0.3.0/24').spec, { deleted: true }),
        }),
      ['a', 'x'],
      { reason: 'SubnetDeleting' },
    ],
    [
      'has no gateway',
      () => addSubnet(subnetOf('x', '10.0.3.0/24', { disableGateway: true })),
      ['a', 'x'],
      { reason: 'SubnetWithoutGateway', message: message('without disableGateway') },
    ],
    [
      'is not there yet',
      () => w.put('subnets', subnetOf('x', '10.0.3.0/24')),
      ['a', 'x'],
      { reason: 'SubnetNotReady' },
    ],
    [
      'overlaps one before it',
      () => addSubnet(subnetOf('x', '10.0.0.0/22')),
      ['a', 'x'],
      {
        reason: 'CIDROverlap',
        message: message('Subnet x in spec.interfaces[1].subnetRef (10.0.0.0/22) overlaps Subnet a (10.0.1.0/24)'),
      },
    ],
  ])('a subnet that %s', async (_, prepare, names, outcome) => {
    await prepare()
    const router = joining(names)
    expect(await step(router)).toMatchObject({ kind: 'wait', ...outcome })
    expect(router.status?.state).toBe('BUILD')
    expect(legs(router)).toEqual(['a 10.0.1.1'])
    expect(made()?.interfaces).toMatchObject([{ uid: 'uid-a' }])
  })

  test('all that is missing stands in one message', async () => {
    const router = joining(['x', 'a', 'y'], {}, [{ destination: '0.0.0.0/0', nextHop: '10.9.9.9' }])
    expect(await step(router)).toMatchObject({
      reason: 'SubnetNotFound',
      message: expect.stringMatching(
        /ns\/x .*ns\/y .*spec\.routes\[0\]\.nextHop 10\.9\.9\.9 is in no Subnet/,
      ) as unknown,
    })
  })
})

test('a route leads through a subnet that is joined, of either family', async () => {
  await addSubnet(subnetOf('six', 'fd00:1::/64'))
  const good = [
    { destination: '192.168.0.0/16', nextHop: '10.0.2.7' },
    { destination: '::/0', nextHop: 'fd00:1::7' },
  ]
  const router = joining(['b', 'six'], {}, [...good, { destination: '172.16.0.0/12', nextHop: '10.0.1.7' }])
  expect(await step(router)).toMatchObject({
    reason: 'NextHopUnreachable',
    message: message('spec.routes[2].nextHop 10.0.1.7'),
  })
  expect(made()?.routes).toEqual(good)
})

test.each([
  ['10.0.2.254', "is the Router's own"],
  ['10.0.2.0', 'is the network or broadcast address of 10.0.2.0/24'],
  ['10.0.2.255', 'is the network or broadcast address of 10.0.2.0/24'],
])('a next hop that is nobody who leads on: %s', async (nextHop, why) => {
  const router = joining(['b'], {}, [{ destination: '0.0.0.0/0', nextHop }])
  const says = message(`spec.routes[0].nextHop ${nextHop} ${why}`)
  expect(await step(router)).toMatchObject({ reason: 'NextHopUnreachable', message: says })
  expect(made()?.routes).toEqual([])
})

test.each([
  ['of a Subnet that it joins: it has no effect', '10.0.2.0/24', false],
  ['of a part of it: it comes first', '10.0.2.128/25', true],
  ['of more than it: for the rest', '10.0.0.0/16', true],
])('a route to the range %s', async (_, destination, isThere) => {
  const route = { destination, nextHop: '10.0.2.7' }
  const outcome = await step(joining(['b'], {}, [route]))
  expect(made()?.routes).toEqual(isThere ? [route] : [])
  const says = message('spec.routes[0].destination 10.0.2.0/24 is a Subnet that the Router joins')
  expect(outcome).toEqual(isThere ? { kind: 'done' } : { kind: 'wait', reason: 'RouteWithoutEffect', message: says })
})

test('a network whose row is lost holds up nothing else of it', async () => {
  const router = joining(['a', 'b'])
  await step(router)
  w.network.lose('Network', 'uid-net-a')
  router.spec.routes = [{ destination: '192.168.0.0/16', nextHop: '10.0.2.7' }]
  expect(await step(router)).toMatchObject({ kind: 'wait', reason: 'NetworkNotReady' })
  expect([made()?.routes, legs(router)]).toEqual([router.spec.routes, ['a 10.0.1.1', 'b 10.0.2.254']])
  await reconcileNetwork(stored<Network>('net-a', {}), w.deps, w.run)
  expect(await step(router)).toEqual({ kind: 'done' })
})

test('what is joined stays when a subnet that overlaps it comes up before it in the list', async () => {
  const router = joining(['x', 'a'])
  expect(await step(router)).toMatchObject({ reason: 'SubnetNotFound' })
  await addSubnet(subnetOf('x', '10.0.0.0/22'))
  expect(await step(router)).toMatchObject({
    reason: 'CIDROverlap',
    message: message('Subnet x in spec.interfaces[0]'),
  })
  expect(legs(router)).toEqual(['a 10.0.1.1'])
})

test('a Port that has the gateway address keeps it, and is named', async () => {
  const holder = stored<Port>('fw', { networkRef: { name: 'net-a' } })
  holder.status = { fixedIPs: [{ subnet: 'a', ipAddress: '10.0.1.1', prefixLength: 24 }] }
  w.put('ports', holder)
  const router = joining(['a'])
  expect(await step(router)).toMatchObject({ reason: 'AddressInUse', message: message('Port ns/fw') })
  expect(legs(router)).toEqual([])
  w.drop('ports', holder)
  expect(await step(router)).toEqual({ kind: 'done' })
  // Whoever comes later does not take it from the router.
  w.put('ports', holder)
  expect(await step(router)).toEqual({ kind: 'done' })
})

describe('of two routers on one subnet', () => {
  const other = (more: object) =>
    ({ ...joining(['a']), metadata: { ...stored('other', {}).metadata, ...more } }) as Router
  const inUse = { kind: 'wait', reason: 'SubnetInUse', message: message('Router ns/') }

  test('the one that has it keeps it, whoever is older', async () => {
    const router = joining(['a'])
    await step(router)
    const older = other({ creationTimestamp: '2020-01-01T00:00:00Z' })
    expect(await step(older)).toMatchObject(inUse)
    expect(await step(router)).toEqual({ kind: 'done' })
    router.spec.interfaces = []
    await step(router)
    expect(await step(older)).toEqual({ kind: 'done' })
  })
  test('the older gets it first, by the UID when both are of one second', async () => {
    const older = other({ creationTimestamp: '2020-01-01T00:00:00Z' })
    w.put('routers', older)
    expect(await step(joining(['a']))).toMatchObject(inUse)
    w.drop('routers', older)
    w.put('routers', other({ uid: 'uid-a' }))
    expect(await step(joining(['a']))).toMatchObject(inUse)
    w.put('routers', other({ uid: 'uid-z' }))
    expect(await step(joining(['a']))).toEqual({ kind: 'done' })
  })
  test('of two that both had it, as after a restore, the younger gives it up', async () => {
    const leg = { subnet: 'a', subnetUID: 'uid-a', ipAddress: '10.0.1.1', prefixLength: 24 }
    const [older, younger] = [other({ uid: 'uid-a' }), joining(['a'])]
    for (const router of [older, younger]) {
      router.status = { interfaces: [leg] }
      w.put('routers', router)
    }
    expect(await step(older)).toEqual({ kind: 'done' })
    expect(await step(younger)).toMatchObject(inUse)
    expect([legs(older), legs(younger)]).toEqual([['a 10.0.1.1'], []])
  })
  test('one that is being deleted and never had it is no hindrance', async () => {
    w.put('routers', other({ uid: 'uid-a', deletionTimestamp: '2026-01-02T00:00:00Z' }))
    expect(await step(joining(['a']))).toEqual({ kind: 'done' })
  })
})

describe('what is there stays', () => {
  test('a subnet that is being deleted is held by it, and let go with it', async () => {
    const router = joining(['a'])
    await step(router)
    const going = stored<Subnet>('a', subnetOf('a', '10.0.1.0/24').spec, { deleted: true, status: { state: 'ACTIVE' } })
    w.put('subnets', going)
    expect(await step(router)).toEqual({ kind: 'done' })
    const remove = () => reconcileSubnet(structuredClone(going), w.deps, w.run)
    expect(await remove()).toMatchObject({ reason: 'InUse', message: message('Router ns/r') })
    // Out of the spec it is held until the backend has been told.
    router.spec.interfaces = []
    w.put('routers', router)
    expect(await remove()).toMatchObject({ reason: 'InUse' })
    await step(router)
    expect(await remove()).toEqual({ kind: 'released' })
  })
  test('nothing is changed while a network of it cannot be told', async () => {
    const router = joining(['a', 'b'])
    await step(router)
    w.put('networks', stored<Network>('net-a', {}))
    const before = structuredClone(made())
    router.metadata.generation = 2
    expect(await step(router)).toMatchObject({ kind: 'wait', reason: 'NetworkNotReady' })
    expect(made()).toEqual(before)
    expect(legs(router)).toHaveLength(2)
  })
})

test('it goes with its row', async () => {
  await step(joining(['a']))
  const going = joining(['a'], { deleted: true })
  expect(await reconcileRouter(going, w.deps, w.run)).toEqual({ kind: 'released' })
  expect([made(), going.status?.state]).toEqual([undefined, 'DELETING'])
})

describe('who announces an IPv6 subnet', () => {
  const announces = () => w.network.rows.of('Subnet').get('uid-six')?.ipv6?.routerAdvertisements
  test('its router while it has one, the network before and after', async () => {
    const six = subnetOf('six', 'fd00:1::/64')
    await addSubnet(six)
    expect(announces()).toBe(true)
    const router = joining(['six'])
    await step(router)
    expect(made()?.interfaces[0]?.ipv6).toEqual({ addressMode: 'dhcpv6-stateful', routerAdvertisements: true })
    await reconcileSubnet(structuredClone(six), w.deps, w.run)
    expect(announces()).toBe(false)
    w.drop('routers', router)
    await reconcileSubnet(structuredClone(six), w.deps, w.run)
    expect(announces()).toBe(true)
  })
})
