// SPDX-License-Identifier: Apache-2.0
// A FloatingIP keeps its address whatever happens to where it leads, and says what is missing on the way.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { FloatingIP, Instance, Network, Router } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { reconcileIPClaim } from '../ip-claim/reconcile.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcileFloatingIP } from './reconcile.ts'

let w: OutsideWorld
let router: Router
const PUBLIC = { networkRef: { name: 'public', namespace: 'admin' } }
const floating = (spec: Partial<FloatingIP['spec']> = {}, more: object = {}, name = 'web') =>
  stored<FloatingIP>(name, { ...PUBLIC, ...spec }, more)
const toPort = (name = 'eth', more: Partial<FloatingIP['spec']> = {}) => floating({ portRef: { name }, ...more })
async function step(floatingIP: FloatingIP): Promise<Outcome> {
  const outcome = await reconcileFloatingIP(floatingIP, w.deps, w.run)
  w.put('floatingIPs', floatingIP)
  return outcome
}
const made = (uid = 'uid-web') => w.network.rows.of('FloatingIP').get(uid)
const claims = () =>
  w.deps.caches.ipClaims
    .list()
    .flatMap(({ spec }) =>
      spec.claims.flatMap(({ address, ownerRef }) => (ownerRef?.kind === 'FloatingIP' ? [address] : [])),
    )
const message = (text: string): unknown => expect.stringContaining(text)

beforeEach(async () => {
  w = outsideWorld()
  router = stored<Router>('r', { interfaces: [{ subnetRef: { name: 'lan' } }], externalGateway: PUBLIC })
  await w.step(router)
  w.port('eth', '10.0.0.11')
})

test('it leads to its port through the router', async () => {
  const web = toPort()
  expect(await step(web)).toEqual({ kind: 'done' })
  expect(web.status).toEqual({
    ...{ state: 'ACTIVE', ipAddress: '203.0.113.3', subnet: 'public', networkUID: 'uid-public' },
    ...{
      fixedIPAddress: '10.0.0.11',
      port: 'eth',
      portUID: 'uid-eth',
      router: 'ns/r',
      routerUID: 'uid-r',
      distributed: false,
    },
  })
  expect(made()).toMatchObject({ routerUid: 'uid-r', externalAddress: '203.0.113.3', fixedAddress: '10.0.0.11' })
})

describe('it leads to a machine', () => {
  const machine = (...ports: string[]) =>
    w.put(
      'instances',
      stored<Instance>('vm', {
        ...{ flavorRef: { name: 'f' }, imageRef: { name: 'i' } },
        networks: ports.map((name) => ({ portRef: { name } })),
      }),
    )
  const toMachine = () => floating({ instanceRef: { name: 'vm' } })
  test('at its first interface that leads to the network', async () => {
    w.addNetwork('other')
    w.subnet('other', 'other', '10.9.0.0/24')
    w.port('side', '10.9.0.5', { subnet: 'other' })
    machine('side', 'eth')
    const web = toMachine()
    expect(await step(web)).toEqual({ kind: 'done' })
    expect([web.status?.port, made()?.fixedAddress]).toEqual(['eth', '10.0.0.11'])
  })
  test('says what the first one lacks where none does, and waits for ports and the machine', async () => {
    const web = toMachine()
    expect(await step(web)).toMatchObject({ reason: 'InstanceNotFound' })
    machine('late')
    expect(await step(web)).toMatchObject({ reason: 'PortNotReady', message: message('Instance ns/vm') })
    w.drop('routers', router)
    machine('eth')
    expect(await step(web)).toMatchObject({ reason: 'NotRouted' })
  })
})

test('without a port it has its address and waits for nothing', async () => {
  const web = floating()
  expect(await step(web)).toEqual({ kind: 'done' })
  expect([web.status?.state, web.status?.ipAddress, made()]).toEqual(['DOWN', '203.0.113.3', undefined])
})

test('it moves live, keeps its address, and leads nowhere when told so', async () => {
  w.port('other', '10.0.0.12')
  const web = toPort()
  await step(web)
  web.spec.portRef = { name: 'other' }
  expect(await step(web)).toEqual({ kind: 'done' })
  expect(made()).toMatchObject({ externalAddress: '203.0.113.3', fixedAddress: '10.0.0.12' })
  delete web.spec.portRef
  expect(await step(web)).toEqual({ kind: 'done' })
  expect([made(), web.status]).toEqual([
    undefined,
    { state: 'DOWN', ipAddress: '203.0.113.3', subnet: 'public', networkUID: 'uid-public' },
  ])
})

test('the node of the machine answers for it where that is connected, and the gateway elsewhere', async () => {
  w.node('c1', { roles: ['compute'] })
  w.node('c2', { roles: ['compute'], physical: [] })
  w.port('eth', '10.0.0.11', { node: 'c1' })
  const web = toPort()
  await step(web)
  expect(web.status?.distributed).toBe(true)
  expect(made()?.distributed).toEqual({ portUid: 'uid-eth', mac: expect.stringMatching(/^2e:/) })
  w.port('eth', '10.0.0.11', { node: 'c2' })
  await step(web)
  expect([web.status?.distributed, made()?.distributed]).toEqual([false, undefined])
})

describe('its address', () => {
  test('the one that it asks for', async () => {
    const web = floating({ ipAddress: '203.0.113.200' })
    await step(web)
    expect(web.status?.ipAddress).toBe('203.0.113.200')
  })
  test.each([
    ['another has it', '203.0.113.2', { reason: 'AddressInUse', message: message('Router ns/r') }],
    ['another FloatingIP has it', '203.0.113.40', { reason: 'AddressInUse', message: message('FloatingIP ns/first') }],
    ['it is the gateway outside', '203.0.113.1', { reason: 'AddressReserved' }],
  ])('not when %s', async (_, ipAddress, outcome) => {
    await step(floating({ ipAddress: '203.0.113.40' }, {}, 'first'))
    const web = toPort('eth', { ipAddress })
    expect(await step(web)).toMatchObject({ kind: 'wait', ...outcome })
    expect([made(), web.status?.state]).toEqual([undefined, 'DOWN'])
  })
  test('not one that the network never has', async () => {
    await expect(step(floating({ ipAddress: '192.0.2.1' }))).rejects.toMatchObject({
      name: 'TerminalError',
      message: message('203.0.113.0/24'),
    })
  })
  test('of the Subnet that it names, and of the one that has the address', async () => {
    w.subnet('second', 'public', '198.51.100.0/24', { namespace: 'admin' })
    const [named, asked] = [
      floating({ subnetRef: { name: 'second' } }, {}, 'a'),
      floating({ ipAddress: '198.51.100.9' }, {}, 'b'),
    ]
    await step(named)
    await step(asked)
    expect([named, asked].map(({ status }) => [status?.subnet, status?.ipAddress])).toEqual([
      ['second', '198.51.100.2'],
      ['second', '198.51.100.9'],
    ])
    expect(await step(floating({ subnetRef: { name: 'no' } }, {}, 'c'))).toMatchObject({ reason: 'SubnetNotFound' })
  })
  test('it is kept when the network is no longer external or shared, and not given then', async () => {
    const web = toPort()
    await step(web)
    w.addNetwork('public', { provider: { providerNetworkRef: { name: 'x' } } }, { namespace: 'admin' })
    expect(await step(web)).toEqual({ kind: 'done' })
    expect(made()).toBeDefined()
    expect(await step(floating({}, {}, 'late'))).toMatchObject({ reason: 'NetworkNotFound' })
    w.addNetwork('public', { sharedWith: [{ namespace: '*' }] }, { namespace: 'admin' })
    expect(await step(floating({}, {}, 'late'))).toMatchObject({ reason: 'NetworkNotExternal' })
  })
  test('it is free again once the FloatingIP goes, and not before', async () => {
    const web = toPort()
    await step(web)
    for (const claim of w.deps.caches.ipClaims.list()) await reconcileIPClaim(claim, w.deps, w.run)
    expect(claims()).toEqual(['203.0.113.3'])
    const going = { ...toPort(), ...stored<FloatingIP>('web', web.spec, { deleted: true, status: web.status }) }
    expect(await reconcileFloatingIP(going, w.deps, w.run)).toEqual({ kind: 'released' })
    expect([claims(), made(), going.status?.state]).toEqual([[], undefined, 'DELETING'])
  })
})

describe('what is missing on the way is said, and nothing leads there', () => {
  test.each<[string, () => unknown, FloatingIP, object]>([
    ['the port', () => undefined, toPort('no'), { reason: 'PortNotFound' }],
    [
      'its addresses',
      () => w.put('ports', stored('eth', { networkRef: { name: 'lan' } })),
      toPort(),
      { reason: 'PortNotReady' },
    ],
    [
      'the address that it names',
      () => undefined,
      toPort('eth', { fixedIPAddress: '10.0.0.99' }),
      { reason: 'AddressNotOnPort', message: message('10.0.0.11') },
    ],
    ['an address of IPv4', () => w.port('eth', 'fd00::1'), toPort(), { reason: 'AddressNotOnPort' }],
    ['a router', () => w.drop('routers', router), toPort(), { reason: 'NotRouted', message: message('Subnet lan') }],
    [
      "the router's gateway",
      () => w.put('routers', { ...router, status: { ...router.status, externalGateway: undefined } } as never),
      toPort(),
      { reason: 'NotRouted' },
    ],
    [
      'a router to that network, and not to another one',
      () => {
        const elsewhere = { ...router.status?.externalGateway, network: 'admin/x', networkUID: 'uid-x' }
        w.put('routers', { ...router, status: { ...router.status, externalGateway: elsewhere } } as never)
      },
      toPort(),
      { reason: 'NotRouted', message: message('to Network admin/public') },
    ],
  ])('%s', async (_, prepare, web, outcome) => {
    prepare()
    expect(await step(web)).toMatchObject({ kind: 'wait', ...outcome })
    expect([made(), web.status?.state, web.status?.ipAddress]).toEqual([undefined, 'DOWN', '203.0.113.3'])
  })
  test('one that led somewhere leads nowhere when its port goes', async () => {
    const web = toPort()
    await step(web)
    w.drop('ports', w.deps.caches.ports.find('ns', 'eth')!)
    expect(await step(web)).toMatchObject({ reason: 'PortNotFound' })
    expect([made(), web.status?.portUID, web.status?.ipAddress]).toEqual([undefined, undefined, '203.0.113.3'])
  })
  test('a node for the router: it is connected, and says so', async () => {
    w.put('routers', { ...router, status: { ...router.status, gateways: [] } } as never)
    const web = toPort()
    expect(await step(web)).toMatchObject({ reason: 'NoGatewayNode', message: message('Router ns/r') })
    expect([made()?.routerUid, web.status?.state]).toEqual(['uid-r', 'DOWN'])
  })
  test('a router that is being deleted takes no new one, and keeps those that it has', async () => {
    const web = toPort()
    await step(web)
    const going = stored<Router>('r', router.spec, {
      deleted: true,
      ...(router.status ? { status: router.status } : {}),
    })
    w.put('routers', going)
    expect(await step(web)).toEqual({ kind: 'done' })
    w.port('other', '10.0.0.12')
    expect(await step(floating({ portRef: { name: 'other' } }, {}, 'late'))).toMatchObject({ reason: 'NotRouted' })
  })
  test('an address that the network gives to nobody is for its owner', async () => {
    const pool = w.subnet('pool', 'public', '198.51.100.0/24', { namespace: 'admin' })
    pool.spec.allocationPools = [{ start: '198.51.100.100', end: '198.51.100.110' }]
    w.put('subnets', pool)
    await expect(step(floating({ ipAddress: '198.51.100.5' }, {}, 'thief'))).rejects.toMatchObject({
      ...{ reason: 'NotNetworkOwner', message: message('allocation pool') },
    })
    const given = floating({ ipAddress: '198.51.100.105' }, {}, 'given')
    expect(await step(given)).toEqual({ kind: 'done' })
    const probe = stored<FloatingIP>('probe', { ...PUBLIC, ipAddress: '198.51.100.105' }, { namespace: 'evil' })
    const said = (await step(probe)) as { message?: string }
    expect(said).toMatchObject({ reason: 'AddressInUse', message: message('another namespace') })
    expect(said.message).not.toContain('given')
  })
  test('two to one address: the one that leads there keeps it, and the other says which', async () => {
    const web = toPort()
    await step(web)
    const older = floating({ portRef: { name: 'eth' } }, {}, 'older')
    older.metadata.creationTimestamp = '2020-01-01T00:00:00Z'
    expect(await step(older)).toMatchObject({ reason: 'FixedIPInUse', message: message('FloatingIP web') })
    expect(made('uid-older')).toBeUndefined()
    expect(await step(web)).toEqual({ kind: 'done' })
  })
  test('nothing is changed while the network cannot be told', async () => {
    const web = toPort()
    await step(web)
    w.put(
      'networks',
      stored<Network>('public', { external: true, sharedWith: [{ namespace: '*' }] }, { namespace: 'admin' }),
    )
    expect(await step(web)).toMatchObject({ reason: 'NetworkNotReady' })
    expect(made()).toBeDefined()
  })
})

test('the external network and its subnet are held by it', async () => {
  await step(floating())
  w.drop('routers', router)
  const network = w.addNetwork('public', { external: true }, { namespace: 'admin', deleted: true })
  expect(await reconcileNetwork(structuredClone(network), w.deps, w.run)).toMatchObject({
    reason: 'InUse',
    message: message('FloatingIP ns/web'),
  })
  const subnet = w.subnet('public', 'public', '203.0.113.0/24', { namespace: 'admin', deleted: true })
  expect(await reconcileSubnet(structuredClone(subnet), w.deps, w.run)).toMatchObject({
    reason: 'InUse',
    message: message('FloatingIP ns/web'),
  })
})
