// SPDX-License-Identifier: Apache-2.0
// A Port in spec.interfaces: the Router has its addresses, nobody else has the Port, and it stays until the Router has let go. Subnets of
// other namespaces: joined as long as their Network is shared, and then kept.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Instance, Network, Port, Router, Subnet, Trunk } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcilePort } from '../port/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { routerController } from './controller.ts'
import { reconcileRouter } from './reconcile.ts'

let w: MemoryWorld
type Interfaces = Router['spec']['interfaces']
const routerWith = (name: string, interfaces: Interfaces, more: object = {}) =>
  stored<Router>(name, { interfaces }, more)
const byPort = (name: string): Interfaces => [{ portRef: { name } }]
const message = (text: string): unknown => expect.stringContaining(text)
const made = (name: string) => w.network.rows.of('Router').get(`uid-${name}`)

async function addNetwork(name: string, cidr: string, more: object = {}, spec: object = {}): Promise<void> {
  const network = stored<Network>(name, spec, more)
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  const subnet = stored<Subnet>(name, { networkRef: { name }, cidr }, more)
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
}
/** Until nothing is left to be saved. */
async function settle(kind: 'ports' | 'routers', one: Port | Router): Promise<Outcome> {
  for (;;) {
    const outcome =
      kind === 'ports'
        ? await reconcilePort(one as Port, w.deps, w.run)
        : await reconcileRouter(one as Router, w.deps, w.run)
    w.put(kind, one)
    if (outcome.kind !== 'saved') return outcome
  }
}
async function addPort(name: string, more: object = {}): Promise<Port> {
  const spec = {
    networkRef: { name: 'lan' },
    portSecurityEnabled: false,
    fixedIPs: [{ subnetRef: { name: 'lan' }, ...more }],
  }
  const port = stored<Port>(name, spec)
  await settle('ports', port)
  return port
}
/** Router and Port, until neither has anything to do. */
async function joined(router: Router, port: Port): Promise<Outcome> {
  await settle('routers', router)
  await settle('ports', port)
  const outcome = await settle('routers', router)
  await settle('ports', port)
  return outcome
}

beforeEach(async () => {
  w = memoryWorld()
  await addNetwork('lan', '10.0.1.0/24')
})

describe('a Port', () => {
  test('gives the Router its addresses and MAC address, beside another Router at the gateway address', async () => {
    const first = routerWith('first', [{ subnetRef: { name: 'lan' } }])
    await settle('routers', first)
    const port = await addPort('p', { ipAddress: '10.0.1.9' })
    expect(w.network.rows.of('Port').has('uid-p')).toBe(true)
    const second = routerWith('r', byPort('p'))
    expect(await joined(second, port)).toEqual({ kind: 'done' })
    expect(made('r')?.ports).toEqual([
      {
        ...{ uid: 'uid-p', networkUid: 'uid-lan', mac: port.status?.macAddress, mtu: 1442 },
        addresses: [{ address: '10.0.1.9', cidr: '10.0.1.0/24' }],
      },
    ])
    expect(second.status).toMatchObject({
      ...{ state: 'ACTIVE', interfaces: [] },
      ports: [{ name: 'p', uid: 'uid-p', fixedIPs: [{ subnetUID: 'uid-lan', ipAddress: '10.0.1.9' }] }],
    })
    expect(port.status).toMatchObject({ state: 'ACTIVE', router: { name: 'r', uid: 'uid-r' } })
    expect([made('first')?.interfaces.length, w.network.rows.of('Port').has('uid-p')]).toEqual([1, false])
  })

  test('wakes the Router, which waits for it or has it, when its Network changes or can be written to', async () => {
    const port = await addPort('p')
    const router = routerWith('r', byPort('p'))
    w.put('routers', router)
    const [lan] = w.deps.caches.networks.list()
    const onChange = () => lan && wokenBy(w, routerController)('networks', lan)
    const told: string[] = []
    for (const start of routerController(w.deps, w.stores as never).sources ?? [])
      start({ enqueue: (key: string) => told.push(key), enqueueUid: () => undefined } as never)
    expect(onChange()).toEqual(['ns/r'])
    await joined(router, port)
    router.spec.interfaces = []
    w.put('routers', router)
    expect(onChange()).toEqual(['ns/r'])
    w.network.lose('Network', 'uid-lan')
    told.length = 0
    if (lan) await reconcileNetwork(structuredClone(lan), w.deps, w.run)
    expect(told).toEqual(['ns/r'])
  })

  test('is nobody’s again once the Router has let it go', async () => {
    const port = await addPort('p')
    const router = routerWith('r', byPort('p'))
    await joined(router, port)
    router.spec.interfaces = []
    w.put('routers', router)
    await settle('ports', port)
    expect([port.status?.router?.name, w.network.rows.of('Port').has('uid-p')]).toEqual(['r', false])
    await joined(router, port)
    expect([port.status?.router, router.status?.ports, made('r')?.ports]).toEqual([undefined, undefined, []])
    expect([port.status?.state, w.network.rows.of('Port').has('uid-p')]).toEqual(['DOWN', true])
  })

  test('that is being deleted stays, and says by which Router', async () => {
    const port = await addPort('p')
    const router = routerWith('r', byPort('p'))
    await joined(router, port)
    const going = stored<Port>('p', port.spec, { deleted: true, status: port.status })
    expect(await settle('ports', going)).toMatchObject({ reason: 'InUse', message: message('Router ns/r') })
    expect(await settle('routers', router)).toEqual({ kind: 'done' })
    router.spec.interfaces = []
    await settle('routers', router)
    expect(await reconcilePort(going, w.deps, w.run)).toEqual({ kind: 'released' })
  })

  test('that a machine has is refused, until the machine is gone', async () => {
    const port = await addPort('p')
    const vm = stored<Instance>('vm', {
      ...{ flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: 'p' } }] },
    })
    w.put('instances', vm)
    port.status = { ...port.status, instance: { name: 'vm', uid: 'uid-vm' } }
    w.put('ports', port)
    const router = routerWith('r', byPort('p'))
    expect(await joined(router, port)).toMatchObject({ reason: 'PortInUse', message: message('Instance ns/vm') })
    expect([made('r')?.ports, port.status?.router]).toEqual([[], undefined])
    w.drop('instances', vm)
    expect(await joined(router, port)).toEqual({ kind: 'done' })
  })

  test('that is on a Trunk is refused', async () => {
    const port = await addPort('p')
    const subports = [{ portRef: { name: 'p' }, segmentationID: 7 }]
    const trunk = stored<Trunk>('t', { portRef: { name: 'parent' }, subports })
    trunk.status = { parentUID: 'uid-parent', subports: [{ port: 'p', portUID: 'uid-p', segmentationID: 7 }] }
    w.put('trunks', trunk)
    const router = routerWith('r', byPort('p'))
    expect(await joined(router, port)).toMatchObject({ reason: 'PortInUse', message: message('Trunk ns/t') })
    w.drop('trunks', trunk)
    await settle('ports', port)
    expect(await joined(router, port)).toEqual({ kind: 'done' })
  })

  test('that another Router has is refused, and so is one that is made for a machine', async () => {
    const port = await addPort('p')
    const first = routerWith('first', byPort('p'))
    await joined(first, port)
    const refused = (who: string) => ({ reason: 'PortInUse', message: message(who) })
    expect(await joined(routerWith('r', byPort('p')), port)).toMatchObject(refused('Router ns/first'))
    const automatic = stored<Port>('auto', port.spec, {
      status: { ...port.status, router: undefined, origin: 'Instance', owner: { name: 'vm', uid: 'uid-vm' } },
    })
    w.put('ports', automatic)
    expect(await settle('routers', routerWith('r', byPort('auto')))).toMatchObject(refused('the Instance'))
  })

  test('on a Subnet that the Router joins already overlaps it, and the leg that is there stays', async () => {
    const port = await addPort('p')
    const router = routerWith('r', [{ subnetRef: { name: 'lan' } }])
    await settle('routers', router)
    router.spec.interfaces = [...(byPort('p') ?? []), { subnetRef: { name: 'lan' } }]
    const overlap = message('Port p in spec.interfaces[0].portRef (10.0.1.0/24) overlaps Subnet lan (10.0.1.0/24)')
    expect(await joined(router, port)).toMatchObject({ reason: 'CIDROverlap', message: overlap })
    expect([made('r')?.interfaces.length, made('r')?.ports]).toEqual([1, []])
  })

  test('leads where a route goes by way of it', async () => {
    const port = await addPort('p', { ipAddress: '10.0.1.9' })
    const router = routerWith('r', byPort('p'))
    router.spec.routes = [{ destination: '192.168.0.0/16', nextHop: '10.0.1.7' }]
    expect(await joined(router, port)).toEqual({ kind: 'done' })
    expect(made('r')?.routes).toEqual(router.spec.routes)
    router.spec.routes = [{ destination: '192.168.0.0/16', nextHop: '10.0.1.9' }]
    expect(await joined(router, port)).toMatchObject({ reason: 'NextHopUnreachable', message: message("Router's own") })
  })
})

describe('a Port on a Network of another namespace', () => {
  const far = { namespace: 'other' }
  const leg = () =>
    stored<Port>('leg', {
      ...{ networkRef: { name: 'far', ...far }, fixedIPs: [{ subnetRef: { name: 'far' } }] },
      securityGroupRefs: [],
    })
  beforeEach(() => addNetwork('far', '10.0.2.0/24', far, { sharedWith: [{ namespace: '*' }] }))

  test('lets through who is of a Subnet that the Router joins, and nobody under an address of that Network', async () => {
    const port = leg()
    await settle('ports', port)
    const r = routerWith('r', [{ subnetRef: { name: 'lan' } }, { portRef: { name: 'leg' } }])
    expect(await joined(r, port)).toEqual({ kind: 'done' })
    const own = `${made('r')?.ports[0]?.addresses[0]?.address}/32`
    expect(made('r')?.ports[0]?.senders).toEqual(['10.0.1.0/24', own])
    const second = stored<Subnet>('second', { networkRef: { name: 'far' }, cidr: '10.0.1.128/25' }, far)
    await reconcileSubnet(second, w.deps, w.run)
    w.put('subnets', second)
    await settle('routers', r)
    expect(made('r')?.ports[0]?.senders).toEqual([own])
  })

  test('in its own namespace everybody may', async () => {
    const port = await addPort('p')
    const r = routerWith('r', byPort('p'))
    await joined(r, port)
    expect(made('r')?.ports[0]).not.toHaveProperty('senders')
  })
})

describe('a Subnet of another namespace', () => {
  const far = { namespace: 'other' }
  const router = () => routerWith('r', [{ subnetRef: { name: 'far', ...far } }])
  const shared = { sharedWith: [{ namespace: 'ns' }] }

  test('is joined where its Network is shared, and holds the Subnet by name', async () => {
    await addNetwork('far', '10.0.2.0/24', far, shared)
    const r = router()
    expect(await settle('routers', r)).toEqual({ kind: 'done' })
    expect(r.status?.interfaces).toEqual([
      { subnet: 'far', namespace: 'other', subnetUID: 'uid-far', ipAddress: '10.0.2.1', prefixLength: 24 },
    ])
    const going = stored<Subnet>('far', { networkRef: { name: 'far' }, cidr: '10.0.2.0/24' }, { ...far, deleted: true })
    w.put('subnets', going)
    expect(await reconcileSubnet(going, w.deps, w.run)).toMatchObject({
      reason: 'InUse',
      message: message('Router ns/r'),
    })
  })

  test('is not there for whom it is not shared with, and stays joined when it no longer is', async () => {
    await addNetwork('far', '10.0.2.0/24', far)
    const lacks = { reason: 'SubnetNotFound', message: message('not shared with namespace ns') }
    const r = router()
    expect(await settle('routers', r)).toMatchObject(lacks)
    await addNetwork('far', '10.0.2.0/24', far, shared)
    expect(await settle('routers', r)).toEqual({ kind: 'done' })
    await addNetwork('far', '10.0.2.0/24', far)
    expect(await settle('routers', r)).toEqual({ kind: 'done' })
    expect(made('r')?.interfaces).toHaveLength(1)
    expect(
      await settle('routers', { ...router(), metadata: { ...r.metadata, name: 'x', uid: 'uid-x' } }),
    ).toMatchObject(lacks)
  })

  test('overlaps as one of its own does, and whoever has it first is not named to others', async () => {
    await addNetwork('far', '10.0.1.0/25', far, { sharedWith: [{ namespace: 'ns' }, { namespace: 'third' }] })
    const both = routerWith('r', [{ subnetRef: { name: 'lan' } }, { subnetRef: { name: 'far', ...far } }])
    expect(await settle('routers', both)).toMatchObject({ reason: 'CIDROverlap' })
    w.drop('routers', both)
    const third = { ...router(), metadata: { ...router().metadata, namespace: 'third', name: 'x', uid: 'uid-x' } }
    expect(await settle('routers', third)).toEqual({ kind: 'done' })
    const said = await settle('routers', router())
    expect(said).toMatchObject({ reason: 'SubnetInUse', message: message('a Router of another namespace') })
    expect(JSON.stringify(said)).not.toContain('third')
  })

  const inOwn = (name = 'own') => {
    const own = routerWith(name, [{ subnetRef: { name: 'far' } }])
    return { ...own, metadata: { ...own.metadata, ...far } }
  }
  test('naming it without being allowed to keeps nobody out of his own', async () => {
    await addNetwork('far', '10.0.2.0/24', far)
    expect(await settle('routers', router())).toMatchObject({ reason: 'SubnetNotFound' })
    expect(await settle('routers', inOwn())).toEqual({ kind: 'done' })
  })

  test('its own namespace has the gateway first, and gets it back', async () => {
    await addNetwork('far', '10.0.2.0/24', far, shared)
    const r = router()
    expect(await settle('routers', r)).toEqual({ kind: 'done' })
    const own = inOwn()
    expect(await settle('routers', own)).toMatchObject({ reason: 'AddressInUse' })
    expect(await settle('routers', r)).toMatchObject({ reason: 'SubnetInUse' })
    expect(r.status?.interfaces).toEqual([])
    expect(await settle('routers', own)).toEqual({ kind: 'done' })
  })

  test('the gateway is not everybody’s, and never that of a physical network', async () => {
    await addNetwork('far', '10.0.2.0/24', far, { sharedWith: [{ namespace: '*' }] })
    expect(await settle('routers', router())).toMatchObject({ reason: 'SubnetNotFound', message: message('portRef') })
    await addNetwork('far', '10.0.2.0/24', far, { ...shared, provider: { providerNetworkRef: { name: 'dc' } } })
    expect(await settle('routers', router())).toMatchObject({ kind: 'wait' })
    expect(made('r')?.interfaces ?? []).toEqual([])
  })
})
