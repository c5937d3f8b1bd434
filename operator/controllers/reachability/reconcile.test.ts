// SPDX-License-Identifier: Apache-2.0
// What a Reachability promises: a question is asked once, of what is there; its answer is in words of resources that may be told; and it goes.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type {
  ComputeNode,
  FirewallGroup,
  FirewallPolicy,
  FloatingIP,
  Instance,
  Network,
  Port,
  Reachability,
  Router,
  SecurityGroup,
  Subnet,
} from '../../../lib/api/types.ts'
import { announcerMac } from '../../../lib/contract/metadata-port.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { LogicalPacket, LogicalTrace, TraceStop } from '../../network/logical-trace.ts'
import { floatingMac, gatewayMac } from '../../network/own-macs.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileReachability } from './reconcile.ts'

type Spec = Reachability['spec']
let world: MemoryWorld
let asked: LogicalPacket[]
/** What the backend says, packet by packet; then that each arrives. */
let answers: LogicalTrace[]

const question = (spec: Partial<Spec> = {}): Reachability =>
  stored<Reachability>('why', {
    ...{ source: { portRef: { name: 'client' } }, destination: { portRef: { name: 'web' } } },
    ...{ protocol: 'tcp', port: 80, ...spec },
  })
const run = (now = '2026-01-01T00:00:00Z') => ({ ...world.run, now: new Date(now) })
const reconcile = (reachability: Reachability, now?: string) =>
  reconcileReachability(reachability, world.deps, run(now))
async function ask(spec: Partial<Spec> = {}) {
  const reachability = question(spec)
  await reconcile(reachability)
  return reachability.status
}
const stoppedAt = (stop: TraceStop): LogicalTrace => ({ steps: [], end: { what: 'stopped', stop } })
const MACHINE: Instance['spec'] = { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }
const observed = { observedGeneration: 1 }

function putNetwork(name: string, cidr: string, gatewayIP: string, more: Partial<Network['spec']> = {}, ns = 'ns') {
  world.put('networks', stored<Network>(name, more, { namespace: ns }))
  const spec: Subnet['spec'] = { networkRef: { name }, cidr }
  world.put('subnets', stored<Subnet>(name, spec, { namespace: ns, uid: `uid-subnet-${name}`, status: { gatewayIP } }))
}

function putPort(name: string, network: string, ipAddress: string, ns = 'ns') {
  const machine = stored<Instance>(`vm-${name}`, MACHINE, { namespace: ns, status: { state: 'ACTIVE' } })
  world.put('instances', machine)
  world.put(
    'ports',
    stored<Port>(
      name,
      { networkRef: { name: network } },
      {
        namespace: ns,
        status: {
          ...{ ...observed, state: 'ACTIVE', node: 'n1', macAddress: `0a:00:00:00:00:${ipAddress.split('.').at(-1)}` },
          ...{ instance: { name: `vm-${name}`, uid: `uid-vm-${name}` }, securityGroupUIDs: [`uid-${ns}-web`] },
          fixedIPs: [{ subnet: network, ipAddress, prefixLength: 24 }],
        },
      },
    ),
  )
}

beforeEach(() => {
  world = memoryWorld()
  ;[asked, answers] = [[], []]
  const usual = world.network.traceOf
  world.network.traceOf = (packet) => {
    asked.push(packet)
    const macs = new Map(
      world.deps.caches.ports.list().map(({ metadata, status }) => [status?.macAddress, metadata.uid]),
    )
    const uid = macs.get(packet.destinationMac)
    return answers.shift() ?? (uid ? { steps: [], end: { what: 'delivered', portUids: [uid] } } : usual(packet))
  }
  world.put('securityGroups', stored<SecurityGroup>('web', {}, { uid: 'uid-ns-web', status: observed }))
  putNetwork('front', '10.0.1.0/24', '10.0.1.1')
  putNetwork('back', '10.0.2.0/24', '10.0.2.1')
  putPort('client', 'front', '10.0.1.11')
  putPort('web', 'front', '10.0.1.12')
  putPort('db', 'back', '10.0.2.13')
})

const join = (...subnets: string[]) => {
  const legs = subnets.map((subnet) => ({
    subnet,
    subnetUID: `uid-subnet-${subnet}`,
    ipAddress: 'x',
    prefixLength: 24,
  }))
  const interfaces = subnets.map((name) => ({ subnetRef: { name } }))
  return world.put('routers', stored<Router>('main', { interfaces }, { status: { ...observed, interfaces: legs } }))
}
const openOutside = (namespace = 'infra') => {
  const shared = { external: true, provider: { providerNetworkRef: { name: 'dc' } }, sharedWith: [{ namespace: 'ns' }] }
  putNetwork('public', '203.0.113.0/24', '203.0.113.1', shared, namespace)
  const router = join('front', 'back')
  router.status = {
    ...router.status,
    gateways: ['n1'],
    externalGateway: { network: `${namespace}/public`, networkUID: 'uid-public', snat: true },
  }
  world.put('routers', router)
}
const lead = (status: Partial<NonNullable<FloatingIP['status']>>, spec: Partial<FloatingIP['spec']> = {}) =>
  world.put(
    'floatingIPs',
    stored<FloatingIP>(
      'fip',
      { networkRef: { namespace: 'infra', name: 'public' }, ...spec },
      {
        status: {
          ...{ ...observed, networkUID: 'uid-public', ipAddress: '203.0.113.20' },
          ...{ router: 'ns/main', routerUID: 'uid-main', ...status },
        },
      },
    ),
  )
const toDb = { destination: { portRef: { name: 'db' } } }
const fromOutside = { source: { networkRef: { namespace: 'infra', name: 'public' } } }

describe('on one network', () => {
  test('the request, and its answer', async () => {
    expect(await ask()).toEqual({
      ...{ state: 'Succeeded', reachable: true, completionTime: '2026-01-01T00:00:00Z' },
      ...{ sourceAddress: '10.0.1.11', destinationAddress: '10.0.1.12' },
      requestPath: [
        { kind: 'Port', namespace: 'ns', name: 'client', action: 'Sent' },
        { kind: 'Port', namespace: 'ns', name: 'web', action: 'Delivered' },
      ],
      answerPath: [
        { kind: 'Port', namespace: 'ns', name: 'web', action: 'Sent' },
        { kind: 'Port', namespace: 'ns', name: 'client', action: 'Delivered' },
      ],
    })
    const [request, answer] = asked
    expect(request).toEqual({
      ...{ from: { portUid: 'uid-client' }, sourceMac: '0a:00:00:00:00:11', destinationMac: '0a:00:00:00:00:12' },
      ...{ source: '10.0.1.11', destination: '10.0.1.12', protocol: 'tcp', isAnswer: false },
      ...{ sourcePort: 49_152, destinationPort: 80 },
    })
    expect(answer).toMatchObject({
      ...{ from: { portUid: 'uid-web' }, source: '10.0.1.12', destination: '10.0.1.11', isAnswer: true },
      ...{ sourcePort: 80, destinationPort: 49_152, destinationMac: '0a:00:00:00:00:11' },
    })
  })

  test.each([
    [
      'SecurityGroupRuleMissing',
      { why: 'securityGroups', portUid: 'uid-web', direction: 'ingress' },
      'SecurityGroup',
      'web',
    ],
    ['PortSecurity', { why: 'portSecurity', portUid: 'uid-client' }, 'Port', 'client'],
    ['AddressNotInUse', { why: 'unknownHost', routerUid: 'uid-main', legUid: 'uid-subnet-back' }, 'Subnet', 'back'],
    ['Dropped', { why: 'other', stage: 'ls_in_x', routerUid: undefined, portUid: 'uid-web' }, 'Port', 'web'],
  ] as const)('%s', async (reason, stop, kind, name) => {
    answers = [stoppedAt(stop)]
    expect(await ask()).toMatchObject({
      ...{ state: 'Succeeded', reachable: false },
      stoppedBy: { direction: 'request', reason, kind, namespace: 'ns', name },
    })
  })

  test('the message has the rule that would do', async () => {
    answers = [stoppedAt({ why: 'securityGroups', portUid: 'uid-web', direction: 'ingress' })]
    const message = (await ask({ protocol: 'udp', port: 53 }))?.stoppedBy?.message
    expect(message).toBe(
      'no rule of SecurityGroup ns/web of Port ns/web lets ingress udp 53 from 10.0.1.11 to 10.0.1.12 pass: add to spec.rules {direction: ingress, protocol: udp, portRangeMin: 53, portRangeMax: 53}',
    )
  })

  test('an answer that is stopped is told apart', async () => {
    const there: LogicalTrace = { steps: [], end: { what: 'delivered', portUids: ['uid-web'] } }
    answers = [there, stoppedAt({ why: 'securityGroups', portUid: 'uid-client', direction: 'ingress' })]
    const status = await ask()
    expect(status).toMatchObject({ reachable: false, stoppedBy: { direction: 'answer' } })
    expect(status?.answerPath).toEqual([{ kind: 'Port', namespace: 'ns', name: 'web', action: 'Sent' }])
  })

  test.each(['client', 'web'])('the machine of %s is off', async (name) => {
    world.put('instances', stored<Instance>(`vm-${name}`, MACHINE, { status: { state: 'SHUTOFF' } }))
    const status = await ask()
    expect(status?.stoppedBy).toMatchObject({ reason: 'InstanceNotRunning', kind: 'Instance', name: `vm-${name}` })
    expect(asked).toHaveLength(name === 'client' ? 0 : 1)
  })

  test('nobody has the address, or another machine gets it', async () => {
    expect((await ask({ destination: { ipAddress: '10.0.1.99' } }))?.stoppedBy).toMatchObject({
      ...{ reason: 'AddressNotInUse', kind: 'Subnet', name: 'front' },
    })
    answers = [{ steps: [], end: { what: 'delivered', portUids: ['uid-db'] } }]
    expect((await ask())?.stoppedBy).toMatchObject({ reason: 'LeadsElsewhere', name: 'db' })
  })
})

describe('by way of a router', () => {
  test('a Subnet that none joins, or that hands out no gateway', async () => {
    expect((await ask(toDb))?.stoppedBy).toMatchObject({ reason: 'NoRouter', kind: 'Subnet', name: 'front' })
    const spec = { networkRef: { name: 'front' }, cidr: '10.0.1.0/24', disableGateway: true }
    world.put('subnets', stored<Subnet>('front', spec, { uid: 'uid-subnet-front' }))
    expect((await ask(toDb))?.stoppedBy).toMatchObject({ reason: 'SubnetWithoutGateway', name: 'front' })
  })

  test('the next hop is the router, or the one of the most particular host route', async () => {
    join('front', 'back')
    await ask(toDb)
    expect(asked[0]?.destinationMac).toBe(announcerMac('uid-subnet-front'))
    const hostRoutes = [
      { destination: '10.0.0.0/8', nextHop: '10.0.1.250' },
      { destination: '10.0.2.0/24', nextHop: '10.0.1.12' },
    ]
    const spec = { networkRef: { name: 'front' }, cidr: '10.0.1.0/24', dhcp: { hostRoutes } }
    world.put('subnets', stored<Subnet>('front', spec, { uid: 'uid-subnet-front', status: { gatewayIP: '10.0.1.1' } }))
    asked = []
    await ask(toDb)
    expect(asked[0]?.destinationMac).toBe('0a:00:00:00:00:12')
  })

  test('no route, and no node for the gateway', async () => {
    join('front', 'back')
    const away = { destination: { ipAddress: '198.51.100.7' } }
    answers = [stoppedAt({ why: 'noRoute', routerUid: 'uid-main' })]
    expect((await ask(away))?.stoppedBy).toMatchObject({ reason: 'NoRoute', kind: 'Router', name: 'main' })
    openOutside()
    const router = world.deps.caches.routers.findByUid('uid-main')!
    const spec = { ...router.spec, externalGateway: { networkRef: { namespace: 'infra', name: 'public' } } }
    world.put('routers', { ...structuredClone(router), spec, status: { ...router.status, gateways: [] } })
    answers = [stoppedAt({ why: 'noRoute', routerUid: 'uid-main' })]
    expect((await ask(away))?.stoppedBy).toMatchObject({ reason: 'NoGatewayNode', name: 'main' })
  })

  test('the rule of a firewall: the one that is for the packet’s family', async () => {
    join('front', 'back')
    const rules = [
      { action: 'allow' as const, protocol: 'udp' as const },
      { action: 'deny' as const, protocol: 'tcp' as const },
    ]
    world.put('firewallPolicies', stored<FirewallPolicy>('p', { rules }, { namespace: 'infra' }))
    const policies = [{ policy: 'infra/p', policyUID: 'uid-p' }]
    world.put(
      'firewallGroups',
      stored<FirewallGroup>('edge', { ports: [] }, { status: { ...observed, ingressPolicies: policies } }),
    )
    const stop = (rule: number | undefined): TraceStop => ({
      why: 'firewall',
      uid: 'uid-edge',
      direction: 'ingress',
      rule,
    })
    answers = [stoppedAt(stop(2))]
    // The policy is not shared with the project: only its group is told.
    expect((await ask(toDb))?.stoppedBy).toMatchObject({
      reason: 'FirewallRuleDenies',
      kind: 'FirewallGroup',
      name: 'edge',
    })
    const shared = { rules, sharedWith: [{ namespace: 'ns' }] }
    world.put('firewallPolicies', stored<FirewallPolicy>('p', shared, { namespace: 'infra', status: observed }))
    answers = [stoppedAt(stop(2))]
    const told = (await ask(toDb))?.stoppedBy
    expect(told).toMatchObject({ reason: 'FirewallRuleDenies', kind: 'FirewallPolicy', namespace: 'infra', name: 'p' })
    expect(told?.message).toContain('spec.rules[1] of FirewallPolicy infra/p')
    answers = [stoppedAt(stop(undefined))]
    expect((await ask(toDb))?.stoppedBy).toMatchObject({ reason: 'FirewallRuleMissing', kind: 'FirewallGroup' })
  })
})

describe('from and to the outside', () => {
  test('a machine without a floating IP, and at one', async () => {
    openOutside()
    expect((await ask({ ...fromOutside, ...toDb }))?.stoppedBy).toMatchObject({ reason: 'NoFloatingIP', name: 'db' })
    lead({ portUID: 'uid-db', fixedIPAddress: '10.0.2.13', distributed: true })
    await ask({ ...fromOutside, ...toDb })
    expect(asked[0]).toMatchObject({
      ...{ from: { networkUid: 'uid-public' }, source: '203.0.113.1', destination: '203.0.113.20' },
      destinationMac: floatingMac('uid-fip'),
    })
    asked = []
    lead({ portUID: 'uid-db', fixedIPAddress: '10.0.2.13', distributed: false })
    await ask({ ...toDb, source: { ...fromOutside.source, ipAddress: '198.51.100.9' } })
    expect(asked[0]).toMatchObject({ source: '198.51.100.9', destinationMac: gatewayMac('uid-main') })
  })

  test('what stops it behind a translation is told the addresses that it has there', async () => {
    openOutside()
    lead({ portUID: 'uid-db', fixedIPAddress: '10.0.2.13', distributed: true })
    const step = { what: 'translated', routerUid: 'uid-main', end: 'destination', address: '10.0.2.13' } as const
    answers = [{ ...stoppedAt({ why: 'securityGroups', portUid: 'uid-db', direction: 'ingress' }), steps: [step] }]
    const status = await ask({ ...fromOutside, ...toDb })
    expect(status?.stoppedBy?.message).toContain('tcp 80 from 203.0.113.1 to 10.0.2.13')
    expect(status?.destinationAddress).toBe('203.0.113.20')
  })

  test('a forwarded port is asked for at the port outside', async () => {
    openOutside()
    const forwarding = { protocol: 'tcp' as const, externalPort: 2222, internalPort: 22, portRef: { name: 'db' } }
    const status = { protocol: 'tcp' as const, externalPort: 2222, portUID: 'uid-db', fixedIPAddress: '10.0.2.13' }
    lead({ portForwardings: [status] }, { portForwardings: [forwarding] })
    await ask({ ...fromOutside, ...toDb, port: 22 })
    expect(asked[0]).toMatchObject({ destination: '203.0.113.20', destinationPort: 2222 })
    expect((await ask({ ...fromOutside, ...toDb, port: 23 }))?.stoppedBy).toMatchObject({ reason: 'NoFloatingIP' })
  })

  test('the answer to a machine goes back to where it is translated, and from there to the machine', async () => {
    openOutside()
    const left: LogicalTrace = {
      steps: [
        { what: 'routed', routerUid: 'uid-main' },
        { what: 'translated', routerUid: 'uid-main', end: 'source', address: '203.0.113.10' },
      ],
      end: { what: 'left', networkUid: 'uid-public' },
    }
    answers = [left, { steps: [], end: { what: 'delivered', portUids: ['uid-client'] } }]
    const status = await ask({ destination: { ipAddress: '198.51.100.7' }, protocol: 'icmp', port: undefined as never })
    expect(status).toMatchObject({ reachable: true })
    expect(status?.requestPath).toContainEqual({
      ...{ kind: 'Router', namespace: 'ns', name: 'main', action: 'Translated', detail: 'source 203.0.113.10' },
    })
    expect(asked[1]).toMatchObject({
      ...{ from: { networkUid: 'uid-public' }, source: '198.51.100.7', destination: '10.0.1.11', isAnswer: true },
    })
  })
})

test('from a machine to another’s address outside, the answer is back at the router that gave the request another sender', async () => {
  openOutside()
  const translated = (end: 'source' | 'destination', address: string) =>
    ({ what: 'translated', routerUid: 'uid-main', end, address }) as const
  const routed = { what: 'routed', routerUid: 'uid-main' } as const
  const there: LogicalTrace = {
    steps: [routed, translated('source', '203.0.113.10'), translated('destination', '10.0.2.13')],
    end: { what: 'delivered', portUids: ['uid-db'] },
  }
  lead({ portUID: 'uid-db', fixedIPAddress: '10.0.2.13', distributed: true })
  const unknown: TraceStop = { why: 'other', stage: 'lr_in_ip_input', routerUid: 'uid-main', portUid: undefined }
  answers = [there, { ...stoppedAt(unknown), steps: [routed] }]
  expect(await ask({ destination: { ipAddress: '203.0.113.20' } })).toMatchObject({ reachable: true })
  expect(asked[1]).toMatchObject({ source: '10.0.2.13', destination: '203.0.113.10', isAnswer: true })
  // One that does not get to the router is lost.
  answers = [there, stoppedAt({ why: 'securityGroups', portUid: 'uid-db', direction: 'egress' })]
  expect(await ask({ destination: { ipAddress: '203.0.113.20' } })).toMatchObject({ reachable: false })
})

describe('of other projects', () => {
  beforeEach(() => {
    putNetwork('theirs', '10.9.0.0/24', '10.9.0.1', {}, 'other')
    putPort('secret', 'theirs', '10.9.0.5', 'other')
    world.put('securityGroups', stored<SecurityGroup>('hidden', {}, { namespace: 'other', uid: 'uid-other-web' }))
    world.put('routers', stored<Router>('hub', {}, { namespace: 'other' }))
    join('front', 'back')
  })
  const STOPS: TraceStop[] = [
    { why: 'securityGroups', portUid: 'uid-secret', direction: 'ingress' },
    { why: 'firewall', uid: 'uid-nobody', direction: 'ingress', rule: 3 },
    { why: 'unknownHost', routerUid: 'uid-hub', legUid: 'uid-subnet-theirs' },
    { why: 'noRoute', routerUid: 'uid-hub' },
    { why: 'portSecurity', portUid: 'uid-secret' },
    { why: 'other', stage: 'x', routerUid: 'uid-hub', portUid: undefined },
  ]
  test.each(STOPS)('$why: no name is told, and nothing about it', async (stop) => {
    answers = [{ ...stoppedAt(stop), steps: [{ what: 'routed', routerUid: 'uid-hub' }] }]
    const status = await ask({ destination: { ipAddress: '10.9.0.5' } })
    expect(status?.stoppedBy).toEqual({
      ...{ direction: 'request', reason: 'StoppedElsewhere' },
      message: 'something of another project stops it: ask whoever has the destination',
    })
    expect(JSON.stringify(status)).not.toMatch(/secret|hidden|hub|theirs|other\//)
  })

  test('an answer that theirs cannot send tells no name either', async () => {
    answers = [{ steps: [], end: { what: 'delivered', portUids: ['uid-secret'] } }]
    const status = await ask({ destination: { ipAddress: '10.9.0.5' } })
    expect(status?.stoppedBy).toMatchObject({ direction: 'answer', reason: 'StoppedElsewhere' })
    expect(JSON.stringify(status)).not.toMatch(/secret|hidden|hub|theirs|other\//)
  })

  test('their Ports cannot be asked from', async () => {
    const outcome = await reconcile(question({ source: { portRef: { name: 'secret' } } }))
    expect(outcome).toMatchObject({ kind: 'wait', reason: 'PortNotFound' })
  })
})

describe('a probe', () => {
  const heard = (reachability: Reachability, answer: object, more: object = {}) =>
    world.report('probe', reachability, {
      ...{ node: 'n1', state: 'done', epoch: reachability.status?.epoch ?? 0 },
      ...{ facts: { probeAnswer: { result: 'Answered', sentAt: '2026-01-01T00:00:01.000Z', ...answer } }, ...more },
    })
  const documentOf = (reachability: Reachability) =>
    world.bus.desired.read('n1', 'probe', reachability.metadata.uid) as Promise<Record<string, unknown> | undefined>
  beforeEach(() => {
    world.put('computeNodes', stored<ComputeNode>('n1', {}, { namespace: '' }))
    world.bus.heartbeats.expect(['n1'])
    world.bus.heartbeats.beat('n1', 'boot')
  })
  /** Placed and told. */
  async function begun(spec: Partial<Spec> = {}) {
    const reachability = world.put('reachabilities', question({ verify: true, ...spec }))
    expect(await reconcile(reachability)).toEqual({ kind: 'saved' })
    world.put('reachabilities', reachability)
    expect(await reconcile(reachability)).toMatchObject({ kind: 'wait', reason: 'Probing' })
    return reachability
  }

  test('has a node that is written down before it is told; the answer of the network is there by then', async () => {
    const reachability = world.put('reachabilities', question({ verify: true }))
    expect(await reconcile(reachability)).toEqual({ kind: 'saved' })
    expect(reachability.status).toMatchObject({ state: 'Pending', reachable: true, node: 'n1', epoch: 1 })
    expect(await documentOf(reachability)).toBeUndefined()
    await reconcile(reachability)
    expect(await documentOf(reachability)).toMatchObject({
      tombstone: false,
      spec: {
        ...{ portUid: 'uid-client', sourceMac: '0a:00:00:00:00:11', destinationMac: '0a:00:00:00:00:12' },
        ...{ source: '10.0.1.11', destination: '10.0.1.12', protocol: 'tcp', destinationPort: 80 },
        sourcePort: expect.any(Number),
      },
    })
  })

  test('what came back is written before the node forgets it, and then the document goes', async () => {
    const reachability = await begun({ sourcePort: 50_000 })
    const { length } = asked
    heard(reachability, { roundTripMicroseconds: 1234, answeredBy: '10.0.1.12', detail: 'SYN, ACK' })
    expect(await reconcile(reachability)).toEqual({ kind: 'saved' })
    expect(await documentOf(reachability)).toMatchObject({ tombstone: false })
    expect(reachability.status).toMatchObject({
      ...{ state: 'Succeeded', reachable: true, completionTime: '2026-01-01T00:00:00Z' },
      probe: {
        ...{ result: 'Answered', node: 'n1', sentAt: '2026-01-01T00:00:01.000Z', sourcePort: 50_000 },
        ...{ roundTripMicroseconds: 1234, answeredBy: '10.0.1.12' },
        message: '10.0.1.12 answered with SYN, ACK after 1.2 ms',
      },
    })
    expect(await reconcile(reachability)).toMatchObject({ kind: 'done' })
    expect(await documentOf(reachability)).toMatchObject({ tombstone: true })
    expect(reachability.status?.node).toBe('n1')
    world.report('probe', reachability, { node: 'n1', state: 'gone', epoch: 1 })
    expect(await reconcile(reachability)).toMatchObject({ kind: 'done' })
    expect([reachability.status?.node, reachability.status?.probe?.node]).toEqual([undefined, 'n1'])
    expect(asked).toHaveLength(length)
  })

  test('stays what it is, whatever changes meanwhile; a bucket that was lost has it again', async () => {
    const reachability = await begun()
    const before = await documentOf(reachability)
    putPort('web', 'front', '10.0.1.77')
    await reconcile(reachability)
    expect(await documentOf(reachability)).toEqual(before)
    await world.bus.desired.withdraw('n1', 'probe', reachability.metadata.uid)
    await reconcile(reachability)
    expect(await documentOf(reachability)).toMatchObject({ spec: { destination: '10.0.1.77' }, versions: { epoch: 1 } })
  })

  test.each<[string, object, string]>([
    ['Refused', { answeredBy: '10.0.1.12', detail: 'a reset' }, 'nothing listens at tcp port 80'],
    ['Silent', {}, 'a firewall inside the machine drops it'],
    [
      'Unreachable',
      { answeredBy: '10.0.1.1', detail: 'ICMP: host unreachable' },
      '10.0.1.1 said after 0.0 ms that nothing',
    ],
    ['Unknown', { detail: 'interrupted' }, 'not known: interrupted'],
  ])('%s, although the network lets it pass', async (result, answer, message) => {
    const reachability = await begun()
    heard(reachability, { result, ...answer })
    await reconcile(reachability)
    expect(reachability.status).toMatchObject({ reachable: true, probe: { result } })
    expect(reachability.status?.probe?.message).toContain(message)
  })

  test.each<[string, string]>([
    ['Answered', 'although SecurityGroupRuleMissing should stop it'],
    ['Silent', 'nothing came back, as was to be expected'],
  ])('%s, although the network stops it', async (result, message) => {
    answers = [stoppedAt({ why: 'securityGroups', portUid: 'uid-web', direction: 'ingress' })]
    const reachability = await begun({ protocol: 'udp' })
    heard(reachability, { result })
    await reconcile(reachability)
    expect(reachability.status).toMatchObject({ reachable: false, probe: { result } })
    expect(reachability.status?.probe?.message).toContain(message)
  })

  test('an empty datagram is answered by few', async () => {
    const reachability = await begun({ protocol: 'udp', port: 53 })
    heard(reachability, { result: 'Silent' })
    await reconcile(reachability)
    expect(reachability.status?.probe?.message).toContain('do not answer an empty datagram at udp port 53')
  })

  test.each<[string, Partial<Spec>, () => void, string]>([
    ['of a machine that is off', {}, () => off('client'), 'Instance ns/vm-client does not run'],
    ['that cannot leave its Subnet', toDb, () => undefined, 'no Router has the gateway address'],
    [
      'from outside, to what no node has',
      fromOutside,
      () => (openOutside(), lead({ portUID: 'uid-web', fixedIPAddress: '10.0.1.12' })),
      'at no node of the cloud',
    ],
    ['of a virtual function', {}, () => straight('client'), 'Port ns/client goes past the switch (vnicType direct)'],
    ['of a silent node', {}, () => silence(), 'node n1'],
  ])('%s is not sent: the answer stands, and the probe says why', async (_, spec, happens, why) => {
    happens()
    const reachability = question({ verify: true, ...spec })
    expect(await reconcile(reachability)).toMatchObject({ kind: 'done' })
    expect(reachability.status).toMatchObject({ state: 'Succeeded', probe: { result: 'Unknown' } })
    expect(reachability.status?.probe?.message).toContain(`no probe: `)
    expect(reachability.status?.probe?.message).toContain(why)
    expect(reachability.status?.node).toBeUndefined()
  })
  const off = (name: string) =>
    world.put('instances', stored<Instance>(`vm-${name}`, MACHINE, { status: { state: 'SHUTOFF' } }))
  const straight = (name: string) => {
    const port = world.deps.caches.ports.find('ns', name)!
    world.put('ports', { ...port, spec: { ...port.spec, vnicType: 'direct' } })
  }
  /** Others beat on: the silence of one is its own. */
  const silence = () => {
    const others = Array.from({ length: 9 }, (_, i) => `other-${i}`)
    world.bus.heartbeats.expect(['n1', ...others])
    world.clock.ms += 600_000
    for (const name of others) world.bus.heartbeats.beat(name, 'boot')
    world.bus.heartbeats.tick()
  }

  test('from outside comes in where the Router’s traffic does, or at the machine’s own node, under the Network’s tag', async () => {
    openOutside()
    world.put('networks', {
      ...world.deps.caches.networks.find('infra', 'public')!,
      status: { segmentationID: 12 },
    })
    world.network.moveGateway('uid-main', 'n1')
    lead({ portUID: 'uid-web', fixedIPAddress: '10.0.1.12' })
    const central = await begun(fromOutside)
    expect(await documentOf(central)).toMatchObject({
      spec: {
        ...{ outside: { networkUid: 'uid-public', vlan: 12 }, sourceMac: '02:00:00:00:00:01' },
        ...{ destinationMac: gatewayMac('uid-main'), source: '203.0.113.1', destination: '203.0.113.20' },
      },
    })
    world.drop('reachabilities', central)
    await world.bus.desired.withdraw('n1', 'probe', central.metadata.uid)
    world.network.moveGateway('uid-main', 'n9')
    lead({ portUID: 'uid-web', fixedIPAddress: '10.0.1.12', distributed: true })
    const own = await begun(fromOutside)
    expect(await documentOf(own)).toMatchObject({ node: 'n1', spec: { destinationMac: floatingMac('uid-fip') } })
  })

  test('a node that fails says so, and is waited for by half a minute more than questions are', async () => {
    const reachability = await begun()
    const error = { reason: 'PortNotPlugged', message: 'not yet', terminal: false }
    heard(reachability, {}, { state: 'failed', facts: {}, error })
    const at = '2026-01-01T00:01:20Z'
    expect(await reconcile(reachability, at)).toMatchObject({ reason: 'PortNotPlugged', retryAfterMs: 10_000 })
    expect(await reconcile(reachability, '2026-01-01T00:01:30Z')).toEqual({ kind: 'saved' })
    expect(reachability.status).toMatchObject({
      ...{ state: 'Succeeded', reachable: true },
      probe: { result: 'Unknown', node: 'n1', message: 'no probe: not yet' },
    })
  })

  test('two of a namespace are under way at a time, eight of a node', async () => {
    const other = (name: string, namespace: string) =>
      world.put(
        'reachabilities',
        stored<Reachability>(name, question().spec, { namespace, uid: name, status: { node: 'n1' } }),
      )
    other('a', 'ns')
    const one = other('b', 'ns')
    const third = question({ verify: true })
    expect(await reconcile(third)).toMatchObject({ kind: 'wait', reason: 'ProbeLimit' })
    expect(asked).toEqual([])
    world.drop('reachabilities', one)
    const others = Array.from({ length: 7 }, (_, i) => other(`n${i}`, `team-${i}`))
    expect(await reconcile(third)).toMatchObject({
      reason: 'ProbeLimit',
      message: expect.stringContaining('node n1 has 8'),
    })
    for (const first of others.slice(0, 1)) world.drop('reachabilities', first)
    expect(await reconcile(third)).toEqual({ kind: 'saved' })
  })

  test('one that is deleted meanwhile has its node let go first', async () => {
    const reachability = await begun()
    reachability.metadata.deletionTimestamp = '2026-01-01T00:00:10Z'
    expect(await reconcile(reachability)).toMatchObject({ kind: 'wait', reason: 'Releasing' })
    expect(await documentOf(reachability)).toMatchObject({ tombstone: true })
    world.report('probe', reachability, { node: 'n1', state: 'gone', epoch: 1 })
    expect(await reconcile(reachability)).toEqual({ kind: 'released' })
  })
})

describe('its life', () => {
  test('what it hangs on was just written: it waits', async () => {
    world.put(
      'securityGroups',
      stored<SecurityGroup>('web', {}, { uid: 'uid-ns-web', status: observed, generation: 2 }),
    )
    expect(await reconcile(question())).toMatchObject({ kind: 'wait', reason: 'Settling' })
    expect(asked).toEqual([])
  })

  test('what cannot be asked within a minute fails, and then stays so', async () => {
    const reachability = question({ source: { portRef: { name: 'nobody' } } })
    const early = await reconcile(reachability, '2026-01-01T00:00:20Z')
    expect(early).toMatchObject({ reason: 'PortNotFound', retryAfterMs: 40_000 })
    expect(reachability.status?.state).toBe('Pending')
    const late = await reconcile(reachability, '2026-01-01T00:01:00Z')
    expect(late).toMatchObject({ kind: 'wait', reason: 'PortNotFound', retryAfterMs: 600_000 })
    expect(reachability.status).toMatchObject({ state: 'Failed', completionTime: '2026-01-01T00:01:00Z' })
  })

  test('a backend that does not answer is asked again for a minute', async () => {
    const answer = () => world.network.failNext(new TransientError('TraceUnavailable', 'away'))
    answer()
    await expect(reconcile(question())).rejects.toThrow('away')
    answer()
    const late = question()
    expect(await reconcile(late, '2026-01-01T00:02:00Z')).toMatchObject({ reason: 'TraceUnavailable' })
    expect(late.status?.state).toBe('Failed')
  })

  test.each([
    ['FamilyMismatch', { etherType: 'IPv6' as const }],
    ['NotExternal', { source: { networkRef: { name: 'front' } } }],
    ['UnsupportedByDriver', { destination: { portRef: { name: 'led' } } }],
  ])('%s fails at once', async (reason, spec) => {
    const led = { uid: 'uid-led', status: { controller: 'sdn' } }
    putNetwork('led', '10.5.0.0/24', '10.5.0.1')
    world.put('networks', stored<Network>('led', {}, led))
    putPort('led', 'led', '10.5.0.14')
    const reachability = question(spec)
    expect(await reconcile(reachability)).toMatchObject({ kind: 'wait', reason })
    expect(reachability.status?.state).toBe('Failed')
  })

  describe('from outside, an address', () => {
    const at = (namespace: string) => {
      openOutside()
      const named = stored<FloatingIP>(
        'other',
        { networkRef: { namespace: 'infra', name: 'public' } },
        { namespace, uid: 'uid-other', status: { ...observed, networkUID: 'uid-public', ipAddress: '203.0.113.30' } },
      )
      world.put('floatingIPs', named)
      return question({ ...fromOutside, destination: { ipAddress: '203.0.113.30' } })
    }
    test('of another project is not asked about: whom its rules let in is told to nobody else', async () => {
      const foreign = at('victim')
      expect(await reconcile(foreign)).toMatchObject({ kind: 'wait', reason: 'ForeignAddress' })
      expect([foreign.status?.state, foreign.status?.stoppedBy, asked]).toEqual(['Failed', undefined, []])
    })
    test('of another project is not made one’s own by a Port that asks for it', async () => {
      const foreign = at('victim')
      const asking = {
        networkRef: { namespace: 'infra', name: 'public' },
        fixedIPs: [{ subnetRef: { name: 'public' }, ipAddress: '203.0.113.30' }],
      }
      world.put('ports', stored<Port>('greedy', asking, { namespace: 'ns', status: { ...observed, state: 'ERROR' } }))
      expect(await reconcile(foreign)).toMatchObject({ kind: 'wait', reason: 'ForeignAddress' })
      expect(asked).toEqual([])
    })
    test("of one's own is", async () => {
      const own = at('ns')
      await reconcile(own)
      expect([own.status?.state, asked[0]?.destination]).toEqual(['Succeeded', '203.0.113.30'])
    })
    test("that nobody has is not either, but by the Network's own project", async () => {
      openOutside()
      const nobodys = question({ ...fromOutside, destination: { ipAddress: '203.0.113.31' } })
      expect(await reconcile(nobodys)).toMatchObject({ reason: 'ForeignAddress' })
      openOutside('ns')
      const source = { networkRef: { name: 'public' } }
      const owners = question({ source, destination: { ipAddress: '203.0.113.31' } })
      await reconcile(owners)
      expect(owners.status?.state).toBe('Succeeded')
    })
  })

  test('of what another project has on the way no address is told', async () => {
    openOutside()
    world.put('routers', stored<Router>('theirs', {}, { namespace: 'victim', uid: 'uid-theirs' }))
    answers.push({
      steps: [
        { what: 'routed', routerUid: 'uid-theirs' },
        { what: 'translated', routerUid: 'uid-theirs', end: 'destination', address: '192.168.77.5' },
      ],
      end: { what: 'delivered', portUids: ['uid-nobody'] },
    })
    const status = await ask({ destination: { ipAddress: '203.0.113.30' } })
    expect(status?.requestPath).toContainEqual({ action: 'Translated' })
    expect(JSON.stringify(status)).not.toContain('192.168.77.5')
  })

  test('it is asked once, and goes when its time is over', async () => {
    const reachability = world.put('reachabilities', question({ ttlSecondsAfterFinished: 60 }))
    expect(await reconcile(reachability)).toEqual({ kind: 'done', retryAfterMs: 60_000 })
    const { length } = asked
    expect(await reconcile(reachability, '2026-01-01T00:00:59Z')).toEqual({ kind: 'done', retryAfterMs: 1000 })
    expect(asked).toHaveLength(length)
    expect(await reconcile(reachability, '2026-01-01T00:01:00Z')).toEqual({ kind: 'done' })
    expect(world.deps.caches.reachabilities.size).toBe(0)
  })
})
