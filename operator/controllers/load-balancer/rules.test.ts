// SPDX-License-Identifier: Apache-2.0
// Rules of HTTP listeners: what the nodes are told, who of their pools is seen, and what no pool may have as a member.
import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { ComputeNode, Instance, LoadBalancer, Network, Port, Router, Subnet } from '../../../lib/api/types.ts'
import { BalancerRule, toProbes, type BalancerDocument } from '../../../lib/contract/documents.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcileRouter } from '../router/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'
import { loadBalancerController } from './controller.ts'
import { MemberPorts } from './member-ports.ts'
import { documentRules } from './document-rules.ts'
import type { Listener } from './pools.ts'
import { reconcileLoadBalancer } from './reconcile.ts'

let w: MemoryWorld
const MONITOR = { path: '/health', intervalSeconds: 2 }
const API = {
  ...{ name: 'api', hostnames: ['api.example.com'], paths: [{ type: 'PathPrefix' as const, value: '/v1' }] },
  pool: { members: [{ ipAddress: '10.0.1.60', port: 8080 }], healthMonitor: MONITOR, proxyProtocol: 'v2' as const },
}
const listening = (more: Partial<Listener> = {}): Listener => ({
  ...{ name: 'web', protocol: 'http', port: 80 },
  ...more,
})
const balancer = (listeners: Listener[], name = 'shop', vip: object = {}) =>
  stored<LoadBalancer>(name, { vip: { subnetRef: { name: 'front' }, ...vip }, listeners })
async function step(one: LoadBalancer, now = w.run.now): Promise<Outcome> {
  for (let n = 0; n < 5; n++) {
    const outcome = await reconcileLoadBalancer(one, w.deps, { ...w.run, now })
    w.put('loadBalancers', one)
    if (outcome.kind !== 'saved') return outcome
  }
  throw new Error('it decides something new for ever')
}
const told = () => {
  const [held] = w.bus.desired.list().filter(({ kind, tombstone }) => kind === 'balancer' && !tombstone)
  return (w.bus.desired.documents.get(`${held?.node}.balancer.${held?.uid}`) as BalancerDocument).spec
}
const serves = (one: LoadBalancer, facts: object = {}) =>
  w.report('balancer', one, {
    ...{ node: 'g1', epoch: one.status?.proxyEpoch ?? 0, state: 'active' },
    facts: { serving: true, ...facts },
  })
beforeEach(async () => {
  w = memoryWorld()
  const network = stored<Network>('net', {})
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  const subnet = stored<Subnet>('front', { networkRef: { name: 'net' }, cidr: '10.0.1.0/24' })
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
  const router = stored<Router>('r', { interfaces: [{ subnetRef: { name: 'front' } }] })
  await reconcileRouter(router, w.deps, w.run)
  w.put('routers', router)
  w.put('computeNodes', stored<ComputeNode>('g1', {}, { namespace: '', status: { roles: ['gateway'], state: 'up' } }))
})

test('nodes are told of the rules in order, with their defaults, and of a pool for each that has one', async () => {
  const rules: Listener['rules'] = [
    API,
    { name: 'old', redirect: { scheme: 'https' } },
    { name: 'private', paths: [{ type: 'Exact', value: '/x' }], reject: {} },
  ]
  await step(balancer([listening({ members: [{ ipAddress: '10.0.1.50' }], rules })]))
  expect(told().listeners).toMatchObject([
    {
      ...{ name: 'web', pool: 'web' },
      rules: [
        {
          ...{ hostnames: ['api.example.com'], paths: [{ type: 'PathPrefix', value: '/v1' }] },
          action: { type: 'pool', pool: 'web.api' },
        },
        { hostnames: [], paths: [], action: { type: 'redirect', scheme: 'https', statusCode: 302 } },
        { paths: [{ type: 'Exact', value: '/x' }], action: { type: 'reject', statusCode: 403 } },
      ],
    },
  ])
  expect(told().pools).toMatchObject([
    { name: 'web', members: [{ address: '10.0.1.50', port: 80 }] },
    {
      ...{ name: 'web.api', members: [{ address: '10.0.1.60', port: 8080 }], proxyProtocol: 'v2' },
      monitor: { intervalSeconds: 2, http: { path: '/health' } },
    },
  ])
  // OVN leads to the proxies, once for each port.
  expect(w.network.rows.of('LoadBalancer').get('uid-shop')?.listeners).toHaveLength(1)
})

test.each<[string, Partial<Listener>, object[]]>([
  ['no rule and no member: nobody serves it (503)', {}, []],
  ['rules and members', { members: [], rules: [API] }, [{ type: 'pool', pool: 'web.api' }]],
  [
    'rules alone: what is for nobody is not found',
    { rules: [API] },
    [
      { type: 'pool', pool: 'web.api' },
      { type: 'reject', statusCode: 404 },
    ],
  ],
])('%s', (_, more, actions) => {
  expect(documentRules(listening(more)).map(({ action }) => action)).toEqual(actions)
})

test('whatever the schema takes, nodes take', () => {
  const crd = parse(readFileSync(join(import.meta.dirname, '../../../crds/loadbalancers.yaml'), 'utf8')) as object
  const schemaAt = (...path: (string | number)[]) =>
    path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], crd)
  const ofRules = ['spec', 'versions', 0, 'schema', 'openAPIV3Schema', 'properties', 'spec', 'properties', 'listeners']
  const rule = [...ofRules, 'items', 'properties', 'rules', 'items', 'properties']
  const matching = (...path: string[]) => {
    const { pattern, maxLength } = schemaAt(...rule, ...path) as { pattern: string; maxLength: number }
    return fc.stringMatching(new RegExp(pattern)).filter((text) => text.length <= maxLength)
  }
  const hostname = matching('hostnames', 'items')
  const value = matching('paths', 'items', 'properties', 'value')
  const [to, path] = ['hostname', 'path'].map((name) => matching('redirect', 'properties', name))
  const type = fc.constantFrom('Exact' as const, 'PathPrefix' as const)
  const some = fc.record({
    ...{ name: fc.constant('x'), hostnames: fc.array(hostname, { maxLength: 3 }) },
    paths: fc.array(fc.record({ type, value }), { maxLength: 3 }),
    redirect: fc.record({ hostname: to!, path: path! }),
  })
  fc.assert(
    fc.property(some, (one) => {
      for (const rendered of documentRules(listening({ rules: [one] }))) BalancerRule.parse(rendered)
      for (const { value: written } of one.paths) expect(new URL(written, 'http://a').pathname).toBe(written)
    }),
  )
})

describe('members of a rule', () => {
  const member = (one: LoadBalancer) => one.status?.listeners?.[0]?.rules?.[0]?.members[0]

  test('are seen as the proxy sees them, since when, and why', async () => {
    const one = balancer([listening({ members: [{ ipAddress: '10.0.1.60', port: 8080 }], rules: [API] })])
    await step(one)
    expect(member(one)).toMatchObject({ status: 'OFFLINE', reason: 'NotProbedYet' })
    const say = (isUp: boolean) => {
      const found = [{ pool: 'web.api', address: '10.0.1.60', port: 8080, isUp, ...(isUp ? {} : { why: 'L4CON' }) }]
      serves(one, { probes: toProbes(found, told().pools) })
    }
    say(true)
    expect(await step(one)).toEqual({ kind: 'done' })
    expect(member(one)).toMatchObject({ status: 'ONLINE' })
    // The same address in the listener's own pool is another member.
    expect(one.status?.listeners?.[0]?.members).toMatchObject([{ status: 'NO_MONITOR' }])
    expect(one.status?.operatingStatus).toBe('ONLINE')
    const { since } = member(one) ?? {}
    const later = new Date(w.run.now.getTime() + 60_000)
    await step(one, later)
    expect(member(one)?.since).toBe(since)
    say(false)
    await step(one, later)
    expect(member(one)).toMatchObject({ status: 'OFFLINE', reason: 'NoAnswer' })
    expect(member(one)?.since).not.toBe(since)
    expect(one.status?.operatingStatus).toBe('DEGRADED')
  })

  test('are found by label, and their machines and Ports wake it', async () => {
    const pool = { members: [{ instanceSelector: { matchLabels: { app: 'api' } } }, { portRef: { name: 'none' } }] }
    const one = balancer([listening({ rules: [{ name: 'api', pool }] })])
    const machine = stored<Instance>('vm', {
      ...{ flavorRef: { name: 'f' }, imageRef: { name: 'i' } },
      networks: [{ portRef: { name: 'vm' } }],
    })
    machine.metadata.labels = { app: 'api' }
    w.put('instances', machine)
    const fixedIPs = [{ subnet: 'front', ipAddress: '10.0.1.70', prefixLength: 24 }]
    const status = { state: 'ACTIVE' as const, fixedIPs, instance: { name: 'vm', uid: 'uid-vm' } }
    const port = stored<Port>('vm', { networkRef: { name: 'net' } }, { status })
    w.put('ports', port)
    await step(one)
    serves(one)
    expect(await step(one)).toMatchObject({
      reason: 'PortNotFound',
      message: expect.stringContaining('spec.listeners[0].rules[0].pool.members[1].portRef'),
    })
    expect(told().pools[1]?.members).toEqual([{ address: '10.0.1.70', port: 80 }])
    const members = new MemberPorts()
    members.set('ns/shop', ['uid-vm'])
    const woken = wokenBy(w, (deps, informers) => loadBalancerController(deps, informers, members))
    expect([woken('instances', machine), woken('ports', port)]).toEqual([['ns/shop'], ['ns/shop']])
    const off: Instance = { ...machine, status: { state: 'SHUTOFF' } }
    expect(woken('instances', off, machine)).toEqual(['ns/shop'])
  })

  test('count among those that all HTTP listeners may have together, in status as well', async () => {
    const many = (start: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ ipAddress: `10.0.2.${start + i}` }))
    const rules = [
      { name: 'a', pool: { members: many(1, 100) } },
      { name: 'b', pool: { members: many(101, 100) } },
    ]
    const one = balancer([listening({ members: many(1, 100), rules })])
    await step(one)
    serves(one)
    expect(await step(one)).toMatchObject({
      reason: 'TooManyMembers',
      message: expect.stringMatching(/300 members.*rule b of listener web/),
    })
    expect(told().pools.map(({ members }) => members.length)).toEqual([100, 100, 56])
    const [listener] = one.status?.listeners ?? []
    const pools = listener ? [listener, ...(listener.rules ?? [])] : []
    expect(pools.map(({ memberCounts }) => memberCounts.unmonitored)).toEqual([100, 100, 56])
    expect(pools.flatMap(({ members }) => members).length).toBeLessThan(64)
  })
})

test.each<[string, Partial<Listener>, string]>([
  ['only leads elsewhere', { rules: [{ name: 'x', redirect: { scheme: 'https' } }] }, 'ONLINE'],
  ['has a rule whose pool is empty', { rules: [{ name: 'x', pool: { members: [] } }] }, 'OFFLINE'],
  [
    'has one, beside members',
    { members: [{ ipAddress: '10.0.1.9' }], rules: [{ name: 'x', pool: { members: [] } }] },
    'DEGRADED',
  ],
])('a listener that %s', async (_, more, operatingStatus) => {
  const one = balancer([listening(more)])
  await step(one)
  expect(one.status?.operatingStatus).toBe(operatingStatus)
})

describe('a member that is a balancer', () => {
  const VIP = '10.0.1.200'
  const reasons = (one: LoadBalancer) => one.status?.listeners?.[0]?.members.map(({ reason }) => reason)
  const pointing = (ipAddress: string) =>
    balancer([listening({ members: [{ ipAddress }] })], 'shop', { ipAddress: VIP })

  test('at its own address takes no part, in rules as well', async () => {
    const one = pointing(VIP)
    one.spec.listeners = [listening({ rules: [{ name: 'x', pool: { members: [{ ipAddress: VIP, port: 8080 }] } }] })]
    await step(one)
    serves(one)
    expect(await step(one)).toMatchObject({
      reason: 'MemberIsBalancer',
      message: expect.stringContaining(
        'rules[0].pool.members[0].ipAddress 10.0.1.200 is where this LoadBalancer itself',
      ),
    })
    expect(told().pools.flatMap(({ members }) => members)).toEqual([])
    expect(one.status?.listeners?.[0]?.rules?.[0]?.members).toMatchObject([{ reason: 'MemberIsBalancer' }])
  })

  test('nor at the addresses of its proxies', async () => {
    const one = pointing('10.0.1.50')
    await step(one)
    serves(one)
    const { proxyAddress = '', proxies = [] } = one.status ?? {}
    for (const address of [proxyAddress, proxies[0]?.ipAddress ?? '']) {
      one.spec.listeners = [listening({ members: [{ ipAddress: address }] })]
      expect(await step(one)).toMatchObject({ reason: 'MemberIsBalancer' })
      expect(reasons(one)).toEqual(['MemberIsBalancer'])
    }
  })

  test('nor at those of another behind the same Router, which wakes it when it comes and goes', async () => {
    const other = balancer([{ name: 'a', protocol: 'tcp', port: 80, members: [] }], 'other', {
      ipAddress: '10.0.1.201',
    })
    await step(other)
    const one = pointing('10.0.1.201')
    await step(one)
    serves(one)
    expect(await step(one)).toMatchObject({
      reason: 'MemberIsBalancer',
      message: expect.stringContaining('LoadBalancer ns/other answers'),
    })
    const members = new MemberPorts()
    members.set('ns/shop', ['uid-vm'])
    const woken = wokenBy(w, (deps, informers) => loadBalancerController(deps, informers, members))
    expect(woken('loadBalancers', other)).toContain('ns/shop')
    expect(woken('loadBalancers', other, other)).toEqual([])
  })

  test('outside, and of another namespace, its addresses are those of a stranger', async () => {
    const status = { vipAddress: '10.0.1.77', subnetUID: 'uid-elsewhere', externalAddresses: ['203.0.113.7'] }
    w.put('loadBalancers', stored<LoadBalancer>('far', balancer([]).spec, { status, namespace: 'other' }))
    w.put(
      'loadBalancers',
      stored<LoadBalancer>('near', balancer([]).spec, { status: { externalAddresses: ['203.0.113.8'] } }),
    )
    const members = ['10.0.1.77', '203.0.113.7', '203.0.113.8'].map((ipAddress) => ({ ipAddress }))
    const one = balancer([listening({ members })])
    await step(one)
    expect(reasons(one)).toEqual([undefined, undefined, 'MemberIsBalancer'])
  })
})
