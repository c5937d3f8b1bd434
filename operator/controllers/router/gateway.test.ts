// SPDX-License-Identifier: Apache-2.0
// A Router's way to the outside: which network, addresses and nodes, what is said of what is missing, and what is kept.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { FloatingIP, Network, Router } from '../../../lib/api/types.ts'
import { reconcileIPClaim } from '../ip-claim/reconcile.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcileRouter } from './reconcile.ts'

let w: OutsideWorld
type Outside = NonNullable<Router['spec']['externalGateway']>
const PUBLIC = { networkRef: { name: 'public', namespace: 'admin' } }
const withGateway = (more: Partial<Outside> = {}, meta: object = {}) =>
  stored<Router>('r', { interfaces: [{ subnetRef: { name: 'lan' } }], externalGateway: { ...PUBLIC, ...more } }, meta)
const made = () => w.network.rows.of('Router').get('uid-r')
const claims = () =>
  w.deps.caches.ipClaims
    .list()
    .flatMap(({ spec }) =>
      spec.claims.map(({ address, ownerRef, portRef }) => `${address} ${(ownerRef ?? portRef)?.name}`),
    )
    .sort()
const addresses = (router: Router) => router.status?.externalGateway?.fixedIPs?.map(({ ipAddress }) => ipAddress)
const message = (text: string): unknown => expect.stringContaining(text)

beforeEach(() => {
  w = outsideWorld()
})

test('it has an address, a node, a route to everywhere, and translates', async () => {
  const router = withGateway()
  expect(await w.step(router)).toEqual({ kind: 'done' })
  expect(router.status).toMatchObject({
    state: 'ACTIVE',
    externalGateway: {
      ...{ network: 'admin/public', networkUID: 'uid-public', snat: true },
      fixedIPs: [{ subnet: 'public', subnetUID: 'uid-public', ipAddress: '203.0.113.2', prefixLength: 24 }],
    },
    gateways: ['g1'],
  })
  expect(made()?.gateway).toMatchObject({
    ...{ networkUid: 'uid-public', mtu: 1500, nodes: ['g1'], snatAddress: '203.0.113.2' },
    addresses: [{ address: '203.0.113.2', prefixLength: 24 }],
    nextHops: ['203.0.113.1'],
  })
  expect(claims()).toEqual(['10.0.0.1 r', '203.0.113.2 r'])
})

test('without translation it only routes, which is for the owner of the network', async () => {
  const foreign = withGateway({ enableSNAT: false })
  await expect(w.step(foreign)).rejects.toMatchObject({ reason: 'NotNetworkOwner', message: message('enableSNAT') })
  expect([made()?.interfaces.length, made()?.gateway]).toEqual([1, undefined])
  w.addNetwork('public', { external: true, provider: { providerNetworkRef: { name: 'x' } } })
  w.subnet('public', 'public', '203.0.113.0/24')
  await w.step(withGateway({ networkRef: { name: 'public' }, enableSNAT: false }))
  expect(made()?.gateway).toMatchObject({ nextHops: ['203.0.113.1'] })
  expect(made()?.gateway?.snatAddress).toBeUndefined()
})

test('it goes live, and its address is free for others', async () => {
  const router = withGateway()
  await w.step(router)
  delete router.spec.externalGateway
  expect(await w.step(router)).toEqual({ kind: 'done' })
  expect([made()?.gateway, router.status?.externalGateway, router.status?.gateways]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  expect(claims()).toEqual(['10.0.0.1 r'])
})

test('with the Router go its addresses', async () => {
  await w.step(withGateway())
  const going = withGateway({}, { deleted: true })
  expect(await reconcileRouter(going, w.deps, w.run)).toEqual({ kind: 'released' })
  expect([made(), claims()]).toEqual([undefined, []])
})

describe('addresses', () => {
  const asked = (ipAddress: string) => ({ fixedIPs: [{ subnetRef: { name: 'public' }, ipAddress }] })
  test('those that it asks for, changed live', async () => {
    const router = withGateway(asked('203.0.113.77'))
    await w.step(router)
    expect(addresses(router)).toEqual(['203.0.113.77'])
    router.spec.externalGateway = { ...PUBLIC, ...asked('203.0.113.78') }
    expect(await w.step(router)).toEqual({ kind: 'done' })
    expect(addresses(router)).toEqual(['203.0.113.78'])
    expect(claims()).toEqual(['10.0.0.1 r', '203.0.113.78 r'])
  })
  test('one that it asks for and cannot have: it keeps what it has and says so', async () => {
    const router = withGateway()
    await w.step(router)
    const other = {
      ...withGateway(asked('203.0.113.9')),
      metadata: { ...router.metadata, name: 'other', uid: 'uid-other' },
    }
    other.spec.interfaces = []
    await w.step(other)
    router.spec.externalGateway = { ...PUBLIC, ...asked('203.0.113.9') }
    expect(await w.step(router)).toMatchObject({ reason: 'AddressInUse', message: message('Router ns/other') })
    expect(addresses(router)).toEqual(['203.0.113.2'])
    expect(made()?.gateway?.addresses).toEqual([{ address: '203.0.113.2', prefixLength: 24 }])
  })
  test('it keeps them when it asks for none in particular, and another Subnet comes', async () => {
    const router = withGateway()
    await w.step(router)
    w.subnet('earlier', 'public', '198.51.100.0/24', { namespace: 'admin' })
    await w.step(router)
    expect(addresses(router)).toEqual(['203.0.113.2'])
  })
  test.each([
    [
      'the gateway outside',
      '203.0.113.1',
      { reason: 'AddressReserved', message: message('203.0.113.1 is the gateway') },
    ],
  ])('%s is refused, and the rest is joined', async (_, ipAddress, outcome) => {
    const router = withGateway(asked(ipAddress))
    expect(await w.step(router)).toMatchObject(outcome)
    expect(made()?.interfaces).toHaveLength(1)
  })
  test('one that the Subnet can never give: the rest is joined, and it stalls', async () => {
    const router = withGateway(asked('192.0.2.1'))
    await expect(w.step(router)).rejects.toMatchObject({ name: 'TerminalError', message: message('192.0.2.1') })
    expect(made()?.interfaces).toHaveLength(1)
    expect(router.status?.interfaces).toHaveLength(1)
  })
  test('what it claims and does not show yet is not taken from it', async () => {
    const router = withGateway()
    w.put('routers', router)
    await reconcileRouter(structuredClone(router), w.deps, w.run)
    for (const claim of w.deps.caches.ipClaims.list()) await reconcileIPClaim(claim, w.deps, w.run)
    expect(claims()).toEqual(['10.0.0.1 r', '203.0.113.2 r'])
    w.drop('routers', router)
    for (const claim of w.deps.caches.ipClaims.list()) await reconcileIPClaim(claim, w.deps, w.run)
    expect(claims()).toEqual([])
  })
})

describe('what is missing is said, and the subnets are joined', () => {
  test.each<[string, () => unknown, object]>([
    [
      'the network',
      () => w.drop('networks', w.deps.caches.networks.find('admin', 'public')!),
      { reason: 'NetworkNotFound', message: message('spec.externalGateway.networkRef') },
    ],
    [
      'its being external',
      () => w.addNetwork('public', { sharedWith: [{ namespace: '*' }] }, { namespace: 'admin' }),
      { reason: 'NetworkNotExternal' },
    ],
    [
      'its being shared',
      () => w.addNetwork('public', { external: true }, { namespace: 'admin' }),
      { reason: 'NetworkNotFound', message: message('not shared') },
    ],
    [
      'its row',
      () =>
        w.put(
          'networks',
          stored<Network>('public', { external: true, sharedWith: [{ namespace: '*' }] }, { namespace: 'admin' }),
        ),
      { reason: 'NetworkNotReady' },
    ],
    ['a node', () => w.node('g1', { roles: ['compute'] }), { reason: 'NoGatewayNode', message: message('physnet1') }],
    ['a node that is connected', () => w.node('g1', { physical: [] }), { reason: 'NoGatewayNode' }],
    ['a subnet', () => w.drop('subnets', w.deps.caches.subnets.find('admin', 'public')!), { reason: 'NoSubnet' }],
  ])('%s', async (_, prepare, outcome) => {
    prepare()
    const router = withGateway()
    expect(await w.step(router)).toMatchObject({ kind: 'wait', ...outcome })
    expect([made()?.interfaces.length, made()?.gateway, router.status?.state]).toEqual([1, undefined, 'BUILD'])
  })

  test('a subnet inside that overlaps one outside: what is there stays', async () => {
    w.addNetwork('far')
    w.subnet('far', 'far', '203.0.113.128/25')
    const router = withGateway()
    router.spec.interfaces = [{ subnetRef: { name: 'lan' } }, { subnetRef: { name: 'far' } }]
    const overlap = { reason: 'CIDROverlap', message: message('203.0.113.128/25') }
    expect(await w.step(router)).toMatchObject(overlap)
    expect([made()?.interfaces.length, made()?.gateway?.addresses.length]).toEqual([1, 1])
    router.spec.interfaces = [{ subnetRef: { name: 'lan' } }]
    await w.step(router)
    router.spec.interfaces = [{ subnetRef: { name: 'lan' } }, { subnetRef: { name: 'far' } }]
    expect(await w.step(router)).toMatchObject(overlap)
    expect([made()?.interfaces.length, made()?.gateway?.addresses.length]).toEqual([1, 1])
  })
})

describe('what carries traffic keeps it', () => {
  test.each<[string, () => unknown]>([
    [
      'the network is no longer external',
      () =>
        w.addNetwork(
          'public',
          { provider: { providerNetworkRef: { name: 'x' } }, sharedWith: [{ namespace: '*' }] },
          { namespace: 'admin' },
        ),
    ],
    [
      'the network is no longer shared',
      () =>
        w.addNetwork(
          'public',
          { external: true, provider: { providerNetworkRef: { name: 'x' } } },
          { namespace: 'admin' },
        ),
    ],
    [
      'the network is being deleted',
      () =>
        w.addNetwork(
          'public',
          { external: true, provider: { providerNetworkRef: { name: 'x' } } },
          { namespace: 'admin', deleted: true },
        ),
    ],
    ['its only node is closed', () => w.node('g1', { spec: { unschedulable: true } })],
    ['its only node is down', () => w.node('g1', { state: 'down' })],
  ])('%s', async (_, happens) => {
    const router = withGateway()
    await w.step(router)
    const before = structuredClone(made())
    happens()
    expect(await w.step(router)).toEqual({ kind: 'done' })
    expect(made()).toEqual(before)
  })
  test('nothing is changed while its network cannot be told', async () => {
    const router = withGateway()
    await w.step(router)
    const before = structuredClone(made())
    w.put(
      'networks',
      stored<Network>('public', { external: true, sharedWith: [{ namespace: '*' }] }, { namespace: 'admin' }),
    )
    router.metadata.generation = 2
    expect(await w.step(router)).toMatchObject({ reason: 'NetworkNotReady' })
    expect(made()).toEqual(before)
  })
  test('another node takes over from one that is closed', async () => {
    const router = withGateway()
    await w.step(router)
    w.node('g2')
    await w.step(router)
    expect(router.status?.gateways).toEqual(['g1', 'g2'])
    w.node('g1', { spec: { unschedulable: true } })
    await w.step(router)
    expect([router.status?.gateways, made()?.gateway?.nodes]).toEqual([['g2'], ['g2']])
  })
})

describe('who takes over is said', () => {
  const failover = async () => {
    const router = withGateway()
    await w.step(router)
    return async (happens: () => unknown) => {
      happens()
      await w.step(router)
      const found = router.status?.conditions?.find(({ type }) => type === 'FailoverReady')
      return found && [found.status, found.reason, found.message]
    }
  }
  test('nobody, another node, nobody while that is down, and one that cannot be drained', async () => {
    const after = await failover()
    expect(await after(() => undefined)).toEqual(['False', 'SoleGatewayNode', message('only node g1')])
    expect(await after(() => w.node('g2'))).toEqual(['True', 'StandbyReady', message('node g2 takes over')])
    expect(await after(() => w.node('g2', { state: 'down' }))).toEqual(['False', 'SoleGatewayNode', message('g1')])
    expect(await after(() => w.node('g1', { spec: { unschedulable: true } }))).toEqual([
      'False',
      'GatewayNotDrained',
      message('before g1 goes'),
    ])
    expect(await after(() => w.node('g2'))).toEqual(['False', 'SoleGatewayNode', message('only node g2')])
  })
  test('nothing of a Router without a gateway', async () => {
    const router = withGateway()
    await w.step(router)
    delete router.spec.externalGateway
    await w.step(router)
    expect(router.status?.conditions).toEqual([])
  })
})

describe('next hops that are watched by BFD', () => {
  const route = (nextHop: string, destination = '198.51.100.0/24') => ({ destination, nextHop, bfd: true })
  const routed = (...routes: NonNullable<Router['spec']['routes']>) => {
    const router = withGateway()
    router.spec.routes = routes
    return router
  }
  const said = ({ status }: Router) => status?.conditions?.find(({ type }) => type === 'NextHopsUp')
  test('each is said once, with since when, whatever number of routes it has', async () => {
    const router = routed(route('203.0.113.5'), route('203.0.113.6'), route('203.0.113.6', '192.0.2.0/24'))
    expect(await w.step(router)).toEqual({ kind: 'done' })
    expect(made()?.routes).toEqual(router.spec.routes)
    const states = () => router.status?.nextHops?.map(({ ipAddress, state }) => `${ipAddress} ${state}`)
    expect(states()).toEqual(['203.0.113.5 DOWN', '203.0.113.6 DOWN'])
    const since = router.status?.nextHops?.[0]?.since
    w.network.setNextHop('uid-r', '203.0.113.6', 'up')
    await reconcileRouter(router, w.deps, { ...w.run, now: new Date('2031-01-01T00:00:00Z') })
    expect(router.status?.nextHops).toEqual([
      { ipAddress: '203.0.113.5', state: 'DOWN', since },
      { ipAddress: '203.0.113.6', state: 'UP', since: '2031-01-01T00:00:00Z' },
    ])
    expect(said(router)).toMatchObject({
      status: 'False',
      reason: 'NextHopDown',
      message: message('hop 203.0.113.5, '),
    })
    w.network.setNextHop('uid-r', '203.0.113.5', 'up')
    await w.step(router)
    expect(said(router)).toMatchObject({ status: 'True', reason: 'NextHopsAnswer' })
    router.spec.routes = [{ destination: '192.0.2.0/24', nextHop: '203.0.113.6' }]
    await w.step(router)
    expect([router.status?.nextHops, said(router)]).toEqual([undefined, undefined])
  })
  test('an operator that has just begun changes nothing that was said', async () => {
    const router = routed(route('203.0.113.6'))
    router.status = { nextHops: [{ ipAddress: '203.0.113.6', state: 'UP', since: '2026-01-01T00:00:00Z' }] }
    w.network.isProbing = false
    await w.step(router)
    expect(router.status.nextHops).toMatchObject([{ state: 'UP', since: '2026-01-01T00:00:00Z' }])
  })
  test('one in a Subnet that it joins cannot be watched: its route is there all the same, and that is said', async () => {
    const router = routed(route('10.0.0.9'))
    expect(await w.step(router)).toMatchObject({
      reason: 'NextHopNotWatched',
      message: message('spec.routes[0]: next hop 10.0.0.9 is in a Subnet of spec.interfaces'),
    })
    expect(made()?.routes).toEqual([{ destination: '198.51.100.0/24', nextHop: '10.0.0.9' }])
    expect([router.status?.nextHops, said(router)]).toEqual([undefined, undefined])
  })
  test('nor one of a gateway with several addresses, of which OVN would send from any', async () => {
    const addresses = ['203.0.113.70', '203.0.113.71'].map((ipAddress) => ({
      subnetRef: { name: 'public' },
      ipAddress,
    }))
    const router = withGateway({ fixedIPs: addresses })
    router.spec.routes = [route('203.0.113.6')]
    expect(await w.step(router)).toMatchObject({
      reason: 'NextHopNotWatched',
      message: message('several of IPv4'),
    })
  })
})

describe('what it cannot have in place of what it has changes nothing', () => {
  const asked = (ipAddress: string, subnet = 'public') => ({ fixedIPs: [{ subnetRef: { name: subnet }, ipAddress }] })
  test.each<[string, Partial<Outside>, object]>([
    [
      'a network that is not there',
      { networkRef: { name: 'pubilc', namespace: 'admin' } },
      { reason: 'NetworkNotFound' },
    ],
    ['a network that is not external', { networkRef: { name: 'lan' } }, { reason: 'NetworkNotExternal' }],
    ['an address of another range', asked('192.0.2.1'), { reason: 'AddressOutsideSubnet' }],
    ['the broadcast address', asked('203.0.113.255'), { reason: 'AddressReserved' }],
    ['an address that the Subnet gives to nobody', asked('198.51.100.9', 'few'), { reason: 'NotNetworkOwner' }],
    ['a Subnet that overlaps one inside', asked('10.0.0.130', 'over'), { reason: 'CIDROverlap' }],
    ['a Subnet that is not there', asked('203.0.113.9', 'no'), { reason: 'SubnetNotFound' }],
    ['no translation', { enableSNAT: false }, { reason: 'NotNetworkOwner' }],
  ])('%s', async (_, wanted, outcome) => {
    w.subnet('over', 'public', '10.0.0.128/25', { namespace: 'admin' })
    const few = w.subnet('few', 'public', '198.51.100.0/24', { namespace: 'admin' })
    few.spec.allocationPools = [{ start: '198.51.100.100', end: '198.51.100.110' }]
    w.put('subnets', few)
    const router = withGateway(asked('203.0.113.7'))
    await w.step(router)
    const [before, had] = [structuredClone(made()), structuredClone(router.status?.externalGateway)]
    router.spec.externalGateway = { ...PUBLIC, ...wanted }
    const said = await w.step(router).catch((error: unknown) => error)
    expect(said).toMatchObject(outcome)
    expect([made(), router.status?.externalGateway]).toEqual([before, had])
    expect(claims()).toEqual(['10.0.0.1 r', '203.0.113.7 r'])
  })
  test('while no node can carry it, it keeps its address, and has it back', async () => {
    const router = withGateway()
    await w.step(router)
    w.node('g1', { physical: [] })
    expect(await w.step(router)).toMatchObject({ reason: 'NoGatewayNode' })
    expect([made()?.gateway, addresses(router), router.status?.gateways]).toEqual([undefined, ['203.0.113.2'], []])
    expect(claims()).toEqual(['10.0.0.1 r', '203.0.113.2 r'])
    w.node('g1')
    expect(await w.step(router)).toEqual({ kind: 'done' })
    expect([made()?.gateway?.nodes, addresses(router)]).toEqual([['g1'], ['203.0.113.2']])
  })
})

describe('who is held by it', () => {
  test('the external network and its subnet, by name', async () => {
    await w.step(withGateway())
    const public_ = w.addNetwork('public', { external: true }, { namespace: 'admin', deleted: true })
    expect(await reconcileNetwork(structuredClone(public_), w.deps, w.run)).toMatchObject({
      reason: 'InUse',
      message: message('Router ns/r'),
    })
    const subnet = w.subnet('public', 'public', '203.0.113.0/24', { namespace: 'admin', deleted: true })
    expect(await reconcileSubnet(structuredClone(subnet), w.deps, w.run)).toMatchObject({
      reason: 'InUse',
      message: message('Router ns/r'),
    })
  })
  test('itself, by its floating IPs', async () => {
    await w.step(withGateway())
    const status = { router: 'ns/r', routerUID: 'uid-r' }
    w.put('floatingIPs', stored<FloatingIP>('web', PUBLIC, { status }))
    const going = withGateway({}, { deleted: true, status: w.deps.caches.routers.find('ns', 'r')?.status })
    expect(await w.step(going)).toMatchObject({ reason: 'InUse', message: message('FloatingIP ns/web') })
    expect(made()?.gateway).toBeDefined()
  })
})

test('a route of the user to everywhere takes the place of the one to the outside', async () => {
  const router = withGateway()
  router.spec.routes = [{ destination: '198.51.100.0/24', nextHop: '203.0.113.250' }]
  expect(await w.step(router)).toEqual({ kind: 'done' })
  expect(made()?.routes).toEqual(router.spec.routes)
})
