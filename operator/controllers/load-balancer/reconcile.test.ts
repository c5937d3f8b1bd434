// SPDX-License-Identifier: Apache-2.0
// Who answers for a LoadBalancer, and what it says of each member.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Instance, LoadBalancer, Network, Port, Router, Subnet } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileRouter } from '../router/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcileLoadBalancer } from './reconcile.ts'

let w: MemoryWorld
type Spec = LoadBalancer['spec']
const MONITOR = { intervalSeconds: 5, timeoutSeconds: 3, successThreshold: 1, failureThreshold: 2 }
const by = (app: string) => ({ instanceSelector: { matchLabels: { app } } })
const listening = (more: Partial<Spec['listeners'][number]> = {}): Spec => ({
  vip: { subnetRef: { name: 'front' } },
  listeners: [{ name: 'http', protocol: 'tcp', port: 80, members: [by('web')], ...more }],
})
const balancer = (spec: Spec = listening(), more: object = {}) => stored<LoadBalancer>('shop', spec, more)
const made = () => w.network.rows.of('LoadBalancer').get('uid-shop')
const backends = () => made()?.listeners[0]?.members.map(({ address, port }) => `${address}:${port}`)

async function addSubnet(name: string, cidr: string): Promise<void> {
  const network = stored<Network>(`net-${name}`, {})
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  const subnet = stored<Subnet>(name, { networkRef: { name: `net-${name}` }, cidr })
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
}
async function join(...names: string[]): Promise<void> {
  const router = stored<Router>('r', { interfaces: names.map((name) => ({ subnetRef: { name } })) })
  await reconcileRouter(router, w.deps, w.run)
  w.put('routers', router)
}
/** A machine with a Port of its own. */
function addMachine(
  name: string,
  address: string,
  labels: object,
  { subnet = 'front', state = 'ACTIVE' }: { subnet?: string; state?: 'ACTIVE' | 'DOWN' } = {},
): void {
  const spec = { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name } }] }
  const instance = stored<Instance>(name, spec)
  w.put('instances', { ...instance, metadata: { ...instance.metadata, labels: labels as Record<string, string> } })
  const fixedIPs = [{ subnet, ipAddress: address, prefixLength: 24 }]
  w.put(
    'ports',
    stored<Port>(
      name,
      { networkRef: { name: `net-${subnet}` } },
      { status: { state, fixedIPs, instance: { name, uid: `uid-${name}` } } },
    ),
  )
}
async function step(one: LoadBalancer, now = w.run.now): Promise<Outcome> {
  const outcome = await reconcileLoadBalancer(one, w.deps, { ...w.run, now })
  w.put('loadBalancers', one)
  return outcome
}
const membersOf = (one: LoadBalancer) =>
  one.status?.listeners?.[0]?.members.map(({ name, status, reason }) =>
    [name, status, ...(reason ? [reason] : [])].join(' '),
  )

beforeEach(async () => {
  w = memoryWorld()
  await addSubnet('front', '10.0.1.0/24')
  await addSubnet('back', '10.0.2.0/24')
  await join('front', 'back')
})

test('machines with its labels answer, also behind other subnets of the router, and no others', async () => {
  addMachine('a', '10.0.1.11', { app: 'web', tier: 'x' })
  addMachine('b', '10.0.2.12', { app: 'web' }, { subnet: 'back' })
  addMachine('c', '10.0.1.13', { app: 'db' })
  const one = balancer()
  expect(await step(one)).toEqual({ kind: 'done' })
  expect(made()).toMatchObject({
    routerUid: 'uid-r',
    networkUids: ['uid-net-front', 'uid-net-back'],
    addresses: [one.status?.vipAddress],
  })
  expect(backends()).toEqual(['10.0.1.11:80', '10.0.2.12:80'])
  expect(one.status).toMatchObject({ state: 'ACTIVE', operatingStatus: 'NO_MONITOR', router: 'ns/r' })
  expect(membersOf(one)).toEqual(['a NO_MONITOR', 'b NO_MONITOR'])

  one.spec = listening({ members: [{ instanceSelector: { matchLabels: { app: 'web', tier: 'x' } }, port: 8080 }] })
  await step(one)
  expect(backends()).toEqual(['10.0.1.11:8080'])
})

test('its address is its own for life, and the one that it asks for', async () => {
  const asked = { ...listening(), vip: { subnetRef: { name: 'front' }, ipAddress: '10.0.1.100' } }
  const one = balancer(asked)
  await step(one)
  expect(one.status?.vipAddress).toBe('10.0.1.100')
  const other = stored<LoadBalancer>('other', asked)
  expect(await reconcileLoadBalancer(other, w.deps, w.run)).toMatchObject({ reason: 'AddressInUse' })
})

test('a machine that does not run takes no part, and says so', async () => {
  addMachine('a', '10.0.1.11', { app: 'web' })
  addMachine('b', '10.0.1.12', { app: 'web' }, { state: 'DOWN' })
  const one = balancer()
  await step(one)
  expect(backends()).toEqual(['10.0.1.11:80'])
  expect(membersOf(one)).toEqual(['a NO_MONITOR', 'b OFFLINE PortDown'])
  expect(one.status?.operatingStatus).toBe('DEGRADED')
})

test('a machine that names the Port of another is not reached there', async () => {
  addMachine('db', '10.0.1.11', { app: 'db' })
  const thief = stored<Instance>('thief', {
    ...{ flavorRef: { name: 'f' }, imageRef: { name: 'i' } },
    networks: [{ portRef: { name: 'db' } }],
  })
  w.put('instances', { ...thief, metadata: { ...thief.metadata, labels: { app: 'web' } } })
  const one = balancer()
  await step(one)
  expect(membersOf(one)).toEqual(['thief OFFLINE NotReached'])
  expect(backends()).toEqual([])
})

test('those that cannot serve take no place from those that can', async () => {
  for (let i = 0; i < 150; i++) addMachine(`a-${i}`, `10.0.1.${i + 2}`, { app: 'web' }, { state: 'DOWN' })
  for (let i = 0; i < 150; i++) addMachine(`b-${i}`, `10.0.2.${i + 2}`, { app: 'web' }, { subnet: 'back' })
  const one = balancer()
  expect(await step(one)).toEqual({ kind: 'done' })
  expect(backends()).toHaveLength(150)
  expect(one.status?.listeners?.[0]?.memberCounts).toEqual({ online: 0, offline: 106, unmonitored: 150 })
})

describe('a machine that runs serves on', () => {
  const placed = (state: 'BUILD' | 'ERROR', instance: Partial<Instance> = {}) => {
    addMachine('a', '10.0.1.11', { app: 'web' })
    const port = structuredClone(w.deps.caches.ports.find('ns', 'a')) as Port
    port.status = { ...port.status, state, node: 'n1', epoch: 1, instance: { name: 'a', uid: 'uid-a' } }
    w.put('ports', port)
    const machine = structuredClone(w.deps.caches.instances.find('ns', 'a')) as Instance
    w.put('instances', { ...machine, ...instance, spec: { ...machine.spec, ...instance.spec } })
  }
  test.each([
    ['its Port is refused an edit', 'ERROR'],
    ['its node does not answer an edit of its Port', 'BUILD'],
  ] as const)('while %s', async (_, state) => {
    placed(state)
    const one = balancer()
    await step(one)
    expect(membersOf(one)).toEqual(['a NO_MONITOR'])
    expect(backends()).toEqual(['10.0.1.11:80'])
  })
  test.each<[string, Partial<Instance>]>([
    ['is to be off', { spec: { runState: 'Stopped' } as Instance['spec'] }],
    ['is off', { status: { state: 'SHUTOFF' } }],
  ])('but not one that %s', async (_, instance) => {
    placed('ERROR', instance)
    const one = balancer()
    await step(one)
    expect(membersOf(one)).toEqual(['a OFFLINE PortDown'])
  })
})

describe('with a monitor', () => {
  const monitored = () => balancer(listening({ healthMonitor: MONITOR }))
  test('members are probed from an address of their own subnet, which it gives back', async () => {
    addMachine('a', '10.0.1.11', { app: 'web' })
    addMachine('b', '10.0.2.12', { app: 'web' }, { subnet: 'back' })
    const one = monitored()
    await step(one)
    const probes = one.status?.probeAddresses ?? []
    expect(probes.map(({ subnet }) => subnet).sort()).toEqual(['back', 'front'])
    expect(probes.map(({ ipAddress }) => ipAddress)).not.toContain(one.status?.vipAddress)
    const source = probes.find(({ subnet }) => subnet === 'back')?.ipAddress
    expect(made()?.listeners[0]?.members[1]).toEqual({
      address: '10.0.2.12',
      port: 80,
      portUid: 'uid-b',
      probeSource: source,
    })
    one.spec = listening()
    await step(one)
    expect(one.status).not.toHaveProperty('probeAddresses')
    expect(
      w.deps.addresses.listHeld({ kind: 'HealthMonitor', namespace: 'ns', name: 'shop', uid: 'uid-shop' }),
    ).toEqual([])
  })

  test('an operator that has just begun keeps what was said', async () => {
    addMachine('a', '10.0.1.11', { app: 'web' })
    const one = monitored()
    w.network.setProbe('uid-a', 'online')
    await step(one)
    const { listeners } = structuredClone(one.status ?? {})
    w.network.probeOf = () => undefined
    w.network.isProbing = false
    await step(one, new Date(w.run.now.getTime() + 60_000))
    expect(one.status?.listeners).toEqual(listeners)
    w.network.isProbing = true
    await step(one)
    expect(membersOf(one)).toEqual(['a OFFLINE NotProbedYet'])
  })

  test('it gives no address back from which OVN may still probe', async () => {
    addMachine('a', '10.0.1.11', { app: 'web' })
    const one = monitored()
    await step(one)
    const held = () =>
      w.deps.addresses.listHeld({ kind: 'HealthMonitor', namespace: 'ns', name: 'shop', uid: 'uid-shop' })
    one.spec = listening()
    w.network.failNext(new Error('OVN is away'))
    await expect(step(one)).rejects.toThrow('away')
    expect(held()).toHaveLength(1)
    expect(one.status?.probeAddresses).toHaveLength(1)
    await step(one)
    expect(held()).toEqual([])
  })

  test('who is named by an address alone gets nothing beside a monitor, and that is said; without one nobody looks', async () => {
    const one = monitored()
    const members = [{ ipAddress: '10.0.1.60' }]
    one.spec = listening({ members, healthMonitor: {} })
    await step(one)
    expect(membersOf(one)).toEqual(['10.0.1.60 OFFLINE MemberNotProbed'])
    expect(one.status?.listeners?.[0]?.members[0]?.message).toContain('portRef')
    expect(one.status?.operatingStatus).toBe('OFFLINE')
    one.spec = listening({ members })
    await step(one)
    expect(membersOf(one)).toEqual(['10.0.1.60 NO_MONITOR'])
  })

  test('what the probes find is said, since when, and why', async () => {
    addMachine('a', '10.0.1.11', { app: 'web' })
    const one = monitored()
    await step(one)
    expect(membersOf(one)).toEqual(['a OFFLINE NotProbedYet'])
    w.network.setProbe('uid-a', 'online')
    await step(one)
    expect(membersOf(one)).toEqual(['a ONLINE'])
    expect(one.status?.operatingStatus).toBe('ONLINE')
    const { since } = one.status?.listeners?.[0]?.members[0] ?? {}
    const later = new Date(w.run.now.getTime() + 60_000)
    await step(one, later)
    expect(one.status?.listeners?.[0]?.members[0]?.since).toBe(since)
    w.network.setProbe('uid-a', 'offline')
    await step(one, later)
    expect(membersOf(one)).toEqual(['a OFFLINE NoAnswer'])
    expect(one.status?.listeners?.[0]?.members[0]?.since).not.toBe(since)
    expect(one.status?.operatingStatus).toBe('OFFLINE')
    // It stays a member: who answers again is taken in by the node itself.
    expect(backends()).toEqual(['10.0.1.11:80'])
  })
})

test.each<[string, Spec, object]>([
  ['a port that is not there', listening({ members: [{ portRef: { name: 'none' } }] }), { reason: 'PortNotFound' }],
  ['another family', listening({ members: [{ ipAddress: 'fd00::1' }] }), { reason: 'IPFamilyMismatch' }],
  [
    'a subnet that no router joins',
    { ...listening(), vip: { subnetRef: { name: 'alone' } } },
    { reason: 'SubnetNotRouted' },
  ],
  [
    'a subnet that is not there',
    { ...listening(), vip: { subnetRef: { name: 'none' } } },
    { reason: 'SubnetNotFound' },
  ],
])('%s is said', async (_, spec, outcome) => {
  await addSubnet('alone', '10.0.3.0/24')
  expect(await step(balancer(spec))).toMatchObject({ kind: 'wait', ...outcome })
})

test('a machine that the router does not reach is OFFLINE, and the others serve', async () => {
  await addSubnet('alone', '10.0.3.0/24')
  addMachine('a', '10.0.1.11', { app: 'web' })
  addMachine('far', '10.0.3.11', { app: 'web' }, { subnet: 'alone' })
  const one = balancer()
  expect(await step(one)).toEqual({ kind: 'done' })
  expect(membersOf(one)).toEqual(['a NO_MONITOR', 'far OFFLINE NotReached'])
  expect(backends()).toEqual(['10.0.1.11:80'])
})

test('without its router nobody answers; it keeps its address, and goes on with the next', async () => {
  const one = balancer()
  await step(one)
  const { vipAddress } = one.status ?? {}
  await join('back')
  expect(await step(one)).toMatchObject({ reason: 'SubnetNotRouted' })
  expect(made()).toBeUndefined()
  expect(one.status).toEqual({ state: 'PENDING', operatingStatus: 'OFFLINE', vipAddress, subnetUID: 'uid-front' })
  await join('front')
  expect(await step(one)).toEqual({ kind: 'done' })
})

test('the Router of its own namespace stays while it answers for it; one of another is not held', async () => {
  await join('front')
  const one = balancer()
  await step(one)
  const holders = (namespace: string) => {
    w.put('loadBalancers', { ...one, status: { ...one.status, router: `${namespace}/r` } })
    return waitForHolders('routers', stored<Router>('r', {}, { namespace }), w.deps.caches)
  }
  expect(holders('ns')).toMatchObject({ reason: 'InUse', message: expect.stringContaining('ns/shop') as unknown })
  expect(holders('other')).toBeUndefined()
})

test('it goes with its addresses', async () => {
  addMachine('a', '10.0.1.11', { app: 'web' })
  const one = balancer(listening({ healthMonitor: MONITOR }))
  await step(one)
  const going = balancer(one.spec, { deleted: true, status: one.status })
  expect(await step(going)).toEqual({ kind: 'released' })
  expect(made()).toBeUndefined()
  for (const kind of ['LoadBalancer', 'HealthMonitor'] as const)
    expect(w.deps.addresses.listHeld({ kind, namespace: 'ns', name: 'shop', uid: 'uid-shop' })).toEqual([])
})
