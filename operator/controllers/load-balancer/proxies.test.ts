// SPDX-License-Identifier: Apache-2.0
// Where the proxies of HTTP listeners run, what their nodes are told, and what is made of what these say.
import { beforeEach, expect, test } from '@jest/globals'
import type { ComputeNode, LoadBalancer, Network, Router, Subnet } from '../../../lib/api/types.ts'
import {
  toProbes,
  type BalancerDocument,
  type ObservedFacts,
  type ObservedMember,
} from '../../../lib/contract/documents.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileRouter } from '../router/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { reconcileLoadBalancer } from './reconcile.ts'

let w: MemoryWorld
const listener = {
  ...{ name: 'web', protocol: 'http' as const, port: 80, members: [{ ipAddress: '10.0.1.50', port: 8080 }] },
  healthMonitor: { path: '/health', intervalSeconds: 2 },
  proxyProtocol: 'v1' as const,
}
const balancer = (more: object = {}) =>
  stored<LoadBalancer>('shop', { vip: { subnetRef: { name: 'front' } }, listeners: [listener] }, more)
const addNode = (name: string, spec: ComputeNode['spec'] = {}) => {
  const status = { roles: ['gateway' as const], state: 'up' as const }
  w.put('computeNodes', stored<ComputeNode>(name, spec, { namespace: '', status }))
}
async function step(one: LoadBalancer): Promise<Outcome> {
  for (let n = 0; n < 5; n++) {
    const outcome = await reconcileLoadBalancer(one, w.deps, w.run)
    w.put('loadBalancers', one)
    if (outcome.kind !== 'saved') return outcome
  }
  throw new Error('it decides something new for ever')
}
const documents = () =>
  w.bus.desired
    .list()
    .filter(({ kind, tombstone }) => kind === 'balancer' && !tombstone)
    .map(({ node, uid }) => w.bus.desired.documents.get(`${node}.balancer.${uid}`) as BalancerDocument)
const probes = (said: Pick<ObservedMember, 'isUp' | 'why'>) => {
  const found = toProbes([{ pool: 'web', address: '10.0.1.50', port: 8080, ...said }], documents()[0]?.spec.pools ?? [])
  if (!found) throw new Error('it has other members')
  return found
}
const says = (one: LoadBalancer, node: string, facts: ObservedFacts) =>
  w.report('balancer', one, { node, epoch: one.status?.proxyEpoch ?? 0, state: 'active', facts })

async function begin(allocationPools?: Subnet['spec']['allocationPools']): Promise<void> {
  w = memoryWorld()
  const network = stored<Network>('net', {})
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  const subnet = stored<Subnet>('front', {
    ...{ networkRef: { name: 'net' }, cidr: '10.0.1.0/24' },
    ...(allocationPools ? { allocationPools } : {}),
  })
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
  const router = stored<Router>('r', { interfaces: [{ subnetRef: { name: 'front' } }] })
  await reconcileRouter(router, w.deps, w.run)
  w.put('routers', router)
}
beforeEach(() => begin())

test('two nodes run one, each with an address of its own; connections go to the address that they share', async () => {
  for (const name of ['g1', 'g2', 'g3']) addNode(name)
  const one = balancer()
  await step(one)
  const { proxyAddress, proxies = [] } = one.status ?? {}
  expect(proxies).toHaveLength(2)
  expect(w.network.rows.of('LoadBalancer').get('uid-shop')?.listeners).toEqual([
    { protocol: 'tcp', port: 80, members: [{ address: proxyAddress, port: 80 }] },
  ])
  expect(w.network.rows.of('ServicePort').get('uid-shop')?.ports).toEqual(
    proxies.map(({ node, ipAddress }) => ({ node, addresses: [ipAddress], alsoSpeaksFor: [proxyAddress] })),
  )
  const [first, second] = proxies
  const told = documents()
  expect(told.map(({ node }) => node).sort()).toEqual(proxies.map(({ node }) => node).sort())
  expect(told.find(({ node }) => node === first?.node)?.spec).toMatchObject({
    port: { addresses: [{ address: first?.ipAddress, prefixLength: 24 }], gateways: ['10.0.1.1'] },
    ...{ sharedAddress: proxyAddress, standby: { peer: second?.ipAddress, isPreferred: true } },
    listeners: [{ name: 'web', port: 80, pool: 'web' }],
    pools: [
      {
        ...{ members: [{ address: '10.0.1.50', port: 8080 }], proxyProtocol: 'v1' },
        monitor: { intervalSeconds: 2, http: { path: '/health', expectedCodes: '200' } },
      },
    ],
  })
})

test('a second node joins one that serves, which keeps its address; one that leaves gives its address to the next', async () => {
  addNode('g1')
  const one = balancer()
  await step(one)
  const [first] = one.status?.proxies ?? []
  expect(documents()[0]?.spec).not.toHaveProperty('standby')
  addNode('g2')
  await step(one)
  expect(one.status?.proxies?.map(({ node }) => node)).toEqual(['g1', 'g2'])
  expect(one.status?.proxies?.[0]?.ipAddress).toBe(first?.ipAddress)
  const second = one.status?.proxies?.[1]?.ipAddress
  addNode('g1', { lost: 'Confirmed' })
  addNode('g3')
  await step(one)
  expect(one.status?.proxies).toEqual([
    { node: 'g2', ipAddress: second },
    { node: 'g3', ipAddress: first?.ipAddress },
  ])
  expect(w.bus.desired.find('g1', 'balancer', 'uid-shop')?.tombstone).toBe(true)
})

test('in a full Subnet a second node changes nothing for the first, which follows what is wanted', async () => {
  // The balancer's own, the one that its proxies share, and the first proxy's.
  await begin([{ start: '10.0.1.2', end: '10.0.1.4' }])
  addNode('g1')
  const one = balancer()
  await step(one)
  says(one, 'g1', { serving: true })
  addNode('g2')
  one.spec.listeners = [{ ...listener, members: [{ ipAddress: '10.0.1.51' }] }]
  expect(await step(one)).toMatchObject({ reason: 'NoFreeAddress' })
  expect(documents().map(({ node, spec }) => [node, spec.pools[0]?.members])).toEqual([
    ['g1', [{ address: '10.0.1.51', port: 80 }]],
  ])
})

test('of members counts what the proxy says that serves, since when, and why', async () => {
  for (const name of ['g1', 'g2']) addNode(name)
  const one = balancer()
  await step(one)
  const said = () => one.status?.listeners?.[0]?.members.map(({ status, reason }) => [status, reason])
  expect(said()).toEqual([['OFFLINE', 'NotProbedYet']])
  const [first, second] = (one.status?.proxies ?? []).map(({ node }) => node)
  const found = (isUp: boolean) => probes({ isUp, ...(isUp ? {} : { why: 'L7STS 404' }) })
  says(one, first ?? '', { serving: false, probes: found(false) })
  says(one, second ?? '', { serving: true, probes: found(true) })
  await step(one)
  expect(said()).toEqual([['ONLINE', undefined]])
  expect(one.status?.proxies?.map(({ serving }) => serving)).toEqual([false, true])
  says(one, second ?? '', { serving: true, probes: found(false) })
  await step(one)
  expect(said()).toEqual([['OFFLINE', 'NoAnswer']])
  expect(one.status?.listeners?.[0]?.members[0]?.message).toContain('HAProxy: L7STS 404')
})

test('it is ready while a proxy serves that is heard; once none is, nothing that was found of members stands', async () => {
  for (const name of ['g1', 'g2']) addNode(name)
  const one = balancer()
  expect(await step(one)).toMatchObject({ reason: 'ProxyNotServing' })
  says(one, 'g1', { serving: true, probes: probes({ isUp: true }) })
  says(one, 'g2', { serving: false, probes: probes({ isUp: true }) })
  expect(await step(one)).toEqual({ kind: 'done' })
  // It serves on while it takes a changed document.
  one.metadata.generation = (one.metadata.generation ?? 0) + 1
  expect(await step(one)).toEqual({ kind: 'done' })
  const serving = () => Object.fromEntries((one.status?.proxies ?? []).map((proxy) => [proxy.node, proxy.serving]))
  const member = () => one.status?.listeners?.[0]?.members.map(({ status, reason }) => [status, reason])
  const silent = new Set(['g1'])
  Object.assign(w.bus.heartbeats, { pulse: (node: string) => (silent.has(node) ? 'silent' : 'up') })
  expect(await step(one)).toMatchObject({ reason: 'ProxyNotServing' })
  expect([serving(), member()]).toEqual([{ g1: undefined, g2: false }, [['ONLINE', undefined]]])
  silent.add('g2')
  await step(one)
  expect(member()).toEqual([['OFFLINE', 'ProxyNotServing']])
})

test('HTTP listeners have together as many members as one proxy may have', async () => {
  addNode('g1')
  const members = Array.from({ length: 200 }, (_, i) => ({ ipAddress: `10.0.2.${i + 1}` }))
  const one = balancer()
  one.spec.listeners = ['a', 'b'].map((name, i) => ({ name, protocol: 'http' as const, port: 80 + i, members }))
  await step(one)
  says(one, 'g1', { serving: true })
  expect(await step(one)).toMatchObject({ reason: 'TooManyMembers', message: expect.stringContaining('400 members') })
  expect(documents()[0]?.spec.pools.map(({ members }) => members.length)).toEqual([200, 56])
})

test('without a node it says so; without HTTP listeners, and in the end, nothing of it is left', async () => {
  const one = balancer()
  expect(await step(one)).toMatchObject({ reason: 'NoGatewayNode' })
  addNode('g1')
  await step(one)
  one.spec.listeners = [{ name: 'web', protocol: 'tcp', port: 80 }]
  expect(await step(one)).toMatchObject({ reason: 'Releasing' })
  w.report('balancer', one, { node: 'g1', epoch: one.status?.proxyEpoch ?? 0, state: 'gone' })
  await step(one)
  expect(one.status).not.toHaveProperty('proxies')
  expect([...w.network.rows.of('ServicePort')]).toEqual([])
})
