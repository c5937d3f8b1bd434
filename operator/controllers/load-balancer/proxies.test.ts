// SPDX-License-Identifier: Apache-2.0
// Where the proxies of HTTP listeners run, what their nodes are told, and what is made of what these say.
import { beforeEach, expect, test } from '@jest/globals'
import type { LoadBalancer } from '../../../lib/api/types.ts'
import {
  toProbes,
  type BalancerDocument,
  type ObservedFacts,
  type ObservedMember,
} from '../../../lib/contract/documents.ts'
import { balancerWorld, httpBalancer, LISTENER, type BalancerWorld } from '../../testing/balancer-world.ts'

let w: BalancerWorld
const balancer = () => httpBalancer(LISTENER)
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
beforeEach(async () => void (w = await balancerWorld()))

test('two nodes run one, each with an address of its own; connections go to the address that they share', async () => {
  for (const name of ['g1', 'g2', 'g3']) w.addNode(name)
  const one = balancer()
  await w.step(one)
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

test('a second node joins one that serves, which keeps its address', async () => {
  w.addNode('g1')
  const one = balancer()
  await w.step(one)
  const [first] = one.status?.proxies ?? []
  expect(documents()[0]?.spec).not.toHaveProperty('standby')
  w.addNode('g2')
  await w.step(one)
  expect(one.status?.proxies?.map(({ node }) => node)).toEqual(['g1', 'g2'])
  expect(one.status?.proxies?.[0]?.ipAddress).toBe(first?.ipAddress)
})

test('in a full Subnet a second node changes nothing for the first, which follows what is wanted', async () => {
  // The balancer's own, the one that its proxies share, and the first proxy's.
  w = await balancerWorld([{ start: '10.0.1.2', end: '10.0.1.4' }])
  w.addNode('g1')
  const one = balancer()
  await w.step(one)
  says(one, 'g1', { serving: true })
  w.addNode('g2')
  one.spec.listeners = [{ ...LISTENER, members: [{ ipAddress: '10.0.1.51' }] }]
  expect(await w.step(one)).toMatchObject({ reason: 'NoFreeAddress' })
  expect(documents().map(({ node, spec }) => [node, spec.pools[0]?.members])).toEqual([
    ['g1', [{ address: '10.0.1.51', port: 80 }]],
  ])
})

test('of members counts what the proxy says that serves, since when, and why', async () => {
  for (const name of ['g1', 'g2']) w.addNode(name)
  const one = balancer()
  await w.step(one)
  const said = () => one.status?.listeners?.[0]?.members.map(({ status, reason }) => [status, reason])
  expect(said()).toEqual([['OFFLINE', 'NotProbedYet']])
  const [first, second] = (one.status?.proxies ?? []).map(({ node }) => node)
  const found = (isUp: boolean) => probes({ isUp, ...(isUp ? {} : { why: 'L7STS 404' }) })
  says(one, first ?? '', { serving: false, probes: found(false) })
  says(one, second ?? '', { serving: true, probes: found(true) })
  await w.step(one)
  expect(said()).toEqual([['ONLINE', undefined]])
  expect(one.status?.proxies?.map(({ serving }) => serving)).toEqual([false, true])
  says(one, second ?? '', { serving: true, probes: found(false) })
  await w.step(one)
  expect(said()).toEqual([['OFFLINE', 'NoAnswer']])
  expect(one.status?.listeners?.[0]?.members[0]?.message).toContain('HAProxy: L7STS 404')
})

test('it is ready while a proxy serves that is heard; once none is, nothing that was found of members stands', async () => {
  for (const name of ['g1', 'g2']) w.addNode(name)
  const one = balancer()
  expect(await w.step(one)).toMatchObject({ reason: 'ProxyNotServing' })
  says(one, 'g1', { serving: true, probes: probes({ isUp: true }) })
  says(one, 'g2', { serving: false, probes: probes({ isUp: true }) })
  expect(await w.step(one)).toEqual({ kind: 'done' })
  // It serves on while it takes a changed document.
  one.metadata.generation = (one.metadata.generation ?? 0) + 1
  expect(await w.step(one)).toEqual({ kind: 'done' })
  const serving = () => Object.fromEntries((one.status?.proxies ?? []).map((proxy) => [proxy.node, proxy.serving]))
  const member = () => one.status?.listeners?.[0]?.members.map(({ status, reason }) => [status, reason])
  const silent = new Set(['g1'])
  Object.assign(w.bus.heartbeats, { pulse: (node: string) => (silent.has(node) ? 'silent' : 'up') })
  expect(await w.step(one)).toMatchObject({ reason: 'ProxyNotServing' })
  expect([serving(), member()]).toEqual([{ g1: undefined, g2: false }, [['ONLINE', undefined]]])
  silent.add('g2')
  await w.step(one)
  expect(member()).toEqual([['OFFLINE', 'ProxyNotServing']])
})

test('HTTP listeners have together as many members as one proxy may have', async () => {
  w.addNode('g1')
  const members = Array.from({ length: 200 }, (_, i) => ({ ipAddress: `10.0.2.${i + 1}` }))
  const one = balancer()
  one.spec.listeners = ['a', 'b'].map((name, i) => ({ name, protocol: 'http' as const, port: 80 + i, members }))
  await w.step(one)
  says(one, 'g1', { serving: true })
  expect(await w.step(one)).toMatchObject({ reason: 'TooManyMembers', message: expect.stringContaining('400 members') })
  expect(documents()[0]?.spec.pools.map(({ members }) => members.length)).toEqual([200, 56])
})

test('without a node it says so; without HTTP listeners, and in the end, nothing of it is left', async () => {
  const one = balancer()
  expect(await w.step(one)).toMatchObject({ reason: 'NoGatewayNode' })
  w.addNode('g1')
  await w.step(one)
  one.spec.listeners = [{ name: 'web', protocol: 'tcp', port: 80 }]
  expect(await w.step(one)).toMatchObject({ reason: 'Releasing' })
  w.report('balancer', one, { node: 'g1', epoch: one.status?.proxyEpoch ?? 0, state: 'gone' })
  await w.step(one)
  expect(one.status).not.toHaveProperty('proxies')
  expect([...w.network.rows.of('ServicePort')]).toEqual([])
})
