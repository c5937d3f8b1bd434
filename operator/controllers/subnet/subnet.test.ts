// SPDX-License-Identifier: Apache-2.0
// What a Subnet promises.
import { describe, expect, test } from '@jest/globals'
import type { Cloud, IPClaim, Network, Port, Subnet } from '../../../lib/api/types.ts'
import { TransientError } from '../../../lib/errors.ts'
import { HeldCalls, isOver } from '../../testing/held-calls.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { subnetController } from './controller.ts'
import { hasDhcp, ipv6ServiceOf, isAddressDerived } from './dhcp.ts'
import { findUsablePlan, rankOf, reconcileSubnet } from './reconcile.ts'
import { runAsLoop } from '../../testing/as-the-loop.ts'

type Spec = Partial<Subnet['spec']>
const network = (spec: Network['spec'] = {}, more: object = {}) =>
  stored<Network>('lan', spec, { status: { logicalSwitch: 'uid-lan', mtu: 1442 }, ...more })
const subnet = (spec: Spec = {}, more: object = {}, name = 'lan-v4') =>
  stored<Subnet>(name, { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24', ...spec }, more)
const sibling = (cidr: string, more: object = {}) => subnet({ cidr }, more, 'other')
const cloud = (name: string, spec: Cloud['spec'] = {}) => stored<Cloud>(name, spec, { namespace: '' })
const holder = (fixed: string, more: object = {}, fixedToo?: string) =>
  stored<Port>(
    'p',
    { networkRef: { name: 'lan' } },
    {
      status: {
        fixedIPs: [fixed, ...(fixedToo === undefined ? [] : [fixedToo])].map((name) => ({
          subnet: name,
          ipAddress: '10.0.0.2',
          prefixLength: 24,
        })),
      },
      ...more,
    },
  )
const claim = (port: string, subnetUid = 'uid-lan-v4') =>
  stored<IPClaim>(
    'block',
    {
      subnetRef: { name: 'lan-v4', uid: subnetUid },
      claims: [{ address: '10.0.0.3', portRef: { namespace: 'ns', name: port }, portUid: `uid-${port}` }],
    } as unknown as IPClaim['spec'],
    {},
  )

/** With its Network, which the backend has. */
function world(lan: Network | undefined = network()): MemoryWorld {
  const w = memoryWorld()
  if (lan) w.put('networks', lan)
  w.network.rows
    .of('Network')
    .set('uid-lan', { kind: 'Network', uid: 'uid-lan', namespace: 'ns', name: 'lan', generation: 1, mtu: 1442 })
  return w
}
const row = (w: MemoryWorld) => w.network.rows.of('Subnet').get('uid-lan-v4')
const v6 = { cidr: 'fd00::/64' }
const DHCP = {
  ...{ leaseSeconds: 43_200, hostRoutes: [], domainName: 'nephele.internal' },
  dnsNameservers: ['169.254.169.254'],
}

describe('what the backend is told', () => {
  const owner = { uid: 'uid-lan-v4', namespace: 'ns', name: 'lan-v4', generation: 1 }
  const ROW = { kind: 'Subnet', ...owner, networkUid: 'uid-lan', mtu: 1442 }
  const v4Row = { ...ROW, cidr: '10.0.0.0/24', gatewayIP: '10.0.0.1' }
  const v6Row = { ...ROW, ...v6, gatewayIP: 'fd00::1' }
  const stateful = { addressMode: 'dhcpv6-stateful', routerAdvertisements: true }
  const route = { destination: '192.0.2.0/24', nextHop: '10.0.0.9' }
  test.each<[string, Spec, object]>([
    ['DHCP with a lease of half a day', {}, { ...v4Row, dhcp: DHCP }],
    ['no DHCP', { dhcp: { enabled: false } }, v4Row],
    [
      'DHCP as it says',
      { dhcp: { leaseSeconds: 600, dnsNameservers: ['192.0.2.1'], hostRoutes: [route] } },
      { ...v4Row, dhcp: { ...DHCP, leaseSeconds: 600, dnsNameservers: ['192.0.2.1'], hostRoutes: [route] } },
    ],
    ['IPv6 by DHCPv6', v6, { ...v6Row, dhcp: { ...DHCP, dnsNameservers: ['fe80::a9fe:a9fe'] }, ipv6: stateful }],
    ['IPv6 without DHCP', { ...v6, dhcp: { enabled: false } }, v6Row],
  ])('%s', async (_, spec, expected) => {
    const w = world()
    const s = subnet(spec)
    expect(await reconcileSubnet(s, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(row(w)).toStrictEqual(expected)
    expect(s.status).toEqual({ state: 'ACTIVE', gatewayIP: row(w)?.gatewayIP, cidr: s.spec.cidr })
  })
  test.each([
    [false, true],
    [true, false],
  ])(
    'the gateway of an external Network is outside, and announces it itself: external %s',
    async (external, announced) => {
      const w = world(network({ external }))
      await reconcileSubnet(subnet(v6), w.deps, w.run)
      expect(row(w)?.ipv6).toEqual({ ...stateful, routerAdvertisements: announced })
    },
  )
  test('no gateway any more: the status has none either', async () => {
    const w = world()
    const s = subnet({ disableGateway: true }, { status: { gatewayIP: '10.0.0.1' } })
    await reconcileSubnet(s, w.deps, w.run)
    expect(row(w)).not.toHaveProperty('gatewayIP')
    expect(s.status).toStrictEqual({ state: 'ACTIVE', cidr: '10.0.0.0/24' })
  })
  test.each<[string, Spec, Cloud, readonly string[]]>([
    ['the Cloud’s', {}, cloud('default', { dnsNameservers: ['192.0.2.7'] }), ['192.0.2.7']],
    [
      'its own before the Cloud’s',
      { dhcp: { dnsNameservers: ['192.0.2.1'] } },
      cloud('default', { dnsNameservers: ['192.0.2.7'] }),
      ['192.0.2.1'],
    ],
    [
      'none, when it says so',
      { dhcp: { dnsNameservers: [] } },
      cloud('default', { dnsNameservers: ['192.0.2.7'] }),
      [],
    ],
    [
      'the node’s resolver, and not those of a Cloud that is not used',
      {},
      cloud('mine', { dnsNameservers: ['192.0.2.7'] }),
      ['169.254.169.254'],
    ],
    ['none, when the Cloud says so', {}, cloud('default', { dnsNameservers: [] }), []],
  ])('name servers: %s', async (_, spec, c, expected) => {
    const w = world()
    w.put('clouds', c)
    await reconcileSubnet(subnet(spec), w.deps, w.run)
    expect(row(w)?.dhcp?.dnsNameservers).toEqual(expected)
  })
  test.each([
    ['its Network’s', { dnsDomain: 'lan.example' }, 'lan.example'],
    ['or else the Cloud’s', {}, 'cloud.example'],
  ])('the MTU that its Network came to, and the domain: %s', async (_, spec, domainName) => {
    const status = { logicalSwitch: 'uid-lan', mtu: 1300 }
    const w = world(network({ mtu: 9000, ...spec }, { status }))
    w.put('clouds', cloud('default', { dns: { domain: 'cloud.example' } }))
    await reconcileSubnet(subnet(), w.deps, w.run)
    expect(row(w)).toMatchObject({ mtu: 1300, dhcp: { domainName } })
  })
})

/** Without a gateway nobody announces an IPv6 prefix, unless it is asked for. */
describe('who gives guests their addresses', () => {
  const off = { dhcp: { enabled: false } }
  const slaac = { ipv6: { addressMode: 'slaac' } } as const
  const stateless = { ipv6: { addressMode: 'dhcpv6-stateless' } } as const
  const noGateway = { disableGateway: true }
  test.each<[string, Spec, boolean, string | undefined, boolean]>([
    ['IPv4', {}, true, undefined, false],
    ['IPv4 without DHCP', off, false, undefined, false],
    ['IPv4 without a gateway', noGateway, true, undefined, false],
    ['IPv6', v6, true, 'dhcpv6-stateful', false],
    ['IPv6 without DHCP', { ...v6, ...off }, false, undefined, false],
    ['IPv6 without a gateway', { ...v6, ...noGateway }, false, undefined, false],
    ['IPv6 with a gateway, said', { ...v6, disableGateway: false }, true, 'dhcpv6-stateful', false],
    ['IPv6 without a gateway, and asked for', { ...v6, ...noGateway, ...slaac }, true, 'slaac', true],
    ['SLAAC', { ...v6, ...slaac }, true, 'slaac', true],
    ['SLAAC without DHCP', { ...v6, ...slaac, ...off }, false, undefined, false],
    ['SLAAC and DHCPv6 for the rest', { ...v6, ...stateless }, true, 'dhcpv6-stateless', true],
  ])('%s', (_, spec, isAnswered, mode, isDerived) => {
    const s = subnet(spec)
    expect([hasDhcp(s), ipv6ServiceOf(s)?.addressMode, isAddressDerived(s)]).toEqual([isAnswered, mode, isDerived])
  })
  test.each([
    [undefined, true],
    [true, true],
    [false, false],
  ])('router advertisements: asked for %s', (asked, announced) => {
    const ipv6 = asked === undefined ? {} : { routerAdvertisements: asked }
    expect(ipv6ServiceOf(subnet({ ...v6, ipv6 }))?.routerAdvertisements).toBe(announced)
  })
})

describe('waits', () => {
  test.each<[string, Network | undefined, object]>([
    ['for its Network', undefined, { reason: 'NetworkNotFound' }],
    ['no: a Network that goes takes no new Subnet', network({}, { deleted: true }), { reason: 'NetworkDeleting' }],
    [
      'until the backend has the Network',
      network({}, { status: {} }),
      { reason: 'NetworkNotReady', message: 'waiting for Network lan' },
    ],
    [
      'until the Network has said its MTU',
      network({}, { status: { logicalSwitch: 'uid-lan' } }),
      { reason: 'NetworkNotReady', message: 'waiting for Network lan' },
    ],
  ])('%s', async (_, lan, outcome) => {
    const w = world(lan)
    const s = subnet()
    if (!lan) w.stores.networks.remove('ns/lan', 'uid-lan')
    expect(await reconcileSubnet(s, w.deps, w.run)).toMatchObject({ kind: 'wait', ...outcome })
    expect(s.status).toEqual({ state: 'BUILD' })
    expect(row(w)).toBeUndefined()
  })
  test('one that was in use says so although its Network is away', async () => {
    const w = world()
    w.stores.networks.remove('ns/lan', 'uid-lan')
    const s = subnet({}, { status: { state: 'ACTIVE', gatewayIP: '10.0.0.1' } })
    expect(await reconcileSubnet(s, w.deps, w.run)).toMatchObject({ reason: 'NetworkNotFound' })
    expect(s.status).toEqual({ state: 'ACTIVE', gatewayIP: '10.0.0.1' })
  })
  const early = { uid: 'uid-a' }
  const late = { uid: 'uid-z' }
  test.each<[string, Subnet, Spec, boolean]>([
    ['an older one that overlaps', sibling('10.0.0.128/25', early), {}, true],
    ['a younger one that overlaps', sibling('10.0.0.128/25', late), {}, false],
    ['a younger one that is in use', sibling('10.0.0.128/25', { ...late, status: { state: 'ACTIVE' } }), {}, true],
    ['an older one beside it', sibling('10.0.1.0/24', early), {}, false],
    ['an older one of another network', subnet({ networkRef: { name: 'wan' } }, early, 'other'), {}, false],
    ['an older one on the same shared network', sibling('10.0.0.0/24', { ...early, namespace: 'b' }), {}, false],
  ])('behind %s', async (_, other, spec, waits) => {
    const w = world()
    w.put('subnets', other)
    const s = subnet(spec)
    const outcome = await reconcileSubnet(s, w.deps, w.run)
    expect(row(w) === undefined).toBe(waits)
    expect(s.status?.state).toBe(waits ? 'ERROR' : 'ACTIVE')
    if (!waits) expect(outcome).toEqual({ kind: 'done' })
    else
      expect(outcome).toMatchObject({
        reason: 'CIDROverlap',
        message: `spec.cidr 10.0.0.0/24 overlaps ${other.spec.cidr} of Subnet other on the same Network: delete one of them`,
      })
  })
  test('a CIDR that is none is an error, and nothing is asked of the backend', async () => {
    const w = world()
    const s = subnet({ cidr: '10.0.0.1/24' })
    const controller = subnetController(w.deps, w.stores as never)
    await expect(runAsLoop(controller, s, w.run)).rejects.toMatchObject({ reason: 'InvalidCIDR' })
    expect(s.status?.state).toBe('ERROR')
    expect(row(w)).toBeUndefined()
  })
})

describe('the backend comes first', () => {
  const slow = (w: MemoryWorld) => {
    const backend = new HeldCalls(w.network, /^(ensure|remove)/)
    return { backend, deps: { ...w.deps, network: backend.object } }
  }
  test.each<[string, object, boolean, string, object, object]>([
    ['it is usable once the backend has it', {}, false, 'ensure Subnet', { state: 'BUILD' }, { kind: 'done' }],
    [
      'it is gone once the backend let go of it',
      { deleted: true },
      false,
      'remove Subnet',
      { state: 'DELETING' },
      { kind: 'released' },
    ],
    [
      'in use, it is made again where the backend lost it',
      { deleted: true },
      true,
      'ensure Subnet',
      { state: 'DELETING' },
      { reason: 'InUse' },
    ],
  ])('%s, and not before', async (_, more, isUsed, call, status, outcome) => {
    const w = world()
    if (isUsed) w.put('ports', holder('lan-v4'))
    const { backend, deps } = slow(w)
    const s = subnet({}, more)
    const run = reconcileSubnet(s, deps, w.run)
    expect(await isOver(run)).toBe(false)
    expect(backend.open).toEqual([call])
    expect(s.status).toEqual(status)
    await backend.answer()
    expect(await run).toMatchObject(outcome)
    w.network.failNext(new TransientError('NetworkBackendRefused', 'no'))
    await expect(reconcileSubnet(subnet({}, more), w.deps, w.run)).rejects.toMatchObject({
      reason: 'NetworkBackendRefused',
    })
  })
})

describe('delete: goes when nobody has an address of it', () => {
  test.each<[string, Partial<Record<'ports' | 'ipClaims', Port | IPClaim>>, string | undefined]>([
    ['nobody', {}, undefined],
    ['a Port that says so', { ports: holder('lan-v4') }, 'ns/p'],
    ['a Port that has an address of another one too', { ports: holder('lan-v6', {}, 'lan-v4') }, 'ns/p'],
    ['a Port that an address is claimed for', { ipClaims: claim('q') }, 'ns/q'],
    ['one of both', { ports: holder('lan-v4'), ipClaims: claim('p') }, 'ns/p'],
    ['two', { ports: holder('lan-v4'), ipClaims: claim('q') }, 'ns/p, ns/q'],
    ['a Port with an address of another Subnet', { ports: holder('lan-v6') }, undefined],
    ['a Port without an address', { ports: holder('lan-v4', { status: {} }) }, undefined],
    ['a claim of another Subnet', { ipClaims: claim('q', 'uid-lan-v6') }, undefined],
  ])('%s', async (_, users, named) => {
    const w = world()
    await reconcileSubnet(subnet(), w.deps, w.run)
    for (const [cache, user] of Object.entries(users)) w.put(cache as 'ports', user as Port)
    const outcome = await reconcileSubnet(subnet({}, { deleted: true }), w.deps, w.run)
    if (named === undefined) expect(outcome).toEqual({ kind: 'released' })
    else
      expect(outcome).toMatchObject({ reason: 'InUse', message: `has addresses of Ports ${named}: delete these first` })
    expect(row(w) !== undefined).toBe(named !== undefined)
  })
  test('in use on a Network that is gone: says so', async () => {
    const w = memoryWorld()
    w.put('ports', holder('lan-v4'))
    expect(await reconcileSubnet(subnet({}, { deleted: true }), w.deps, w.run)).toMatchObject({ reason: 'InUse' })
    expect(row(w)).toBeUndefined()
  })
})

describe('addresses are handed out of it', () => {
  const older = sibling('10.0.0.128/25', { uid: 'uid-a' })
  test.each<[string, Subnet, Subnet[], boolean, boolean]>([
    ['as it is', subnet(), [], false, true],
    ['beside itself', subnet(), [subnet()], false, true],
    ['not while it is being deleted', subnet({}, { deleted: true }), [], false, false],
    ['to who has one already, while it is being deleted', subnet({}, { deleted: true }), [], true, true],
    ['not while an older one overlaps it', subnet(), [older], false, false],
    ['not, nor to who has one already', subnet(), [older], true, false],
    ['not when it cannot be planned', subnet({ gatewayIP: '10.9.0.1' }), [], false, false],
  ])('%s', (_, s, siblings, isKept, isUsable) => {
    expect(findUsablePlan(s, siblings, ...(isKept ? [true] : [])) !== undefined).toBe(isUsable)
  })
  test.each<[string, Subnet['status'], boolean]>([
    ['never was one', undefined, false],
    ['never was one', { state: 'BUILD' }, false],
    ['had a gateway', { state: 'ERROR', gatewayIP: '10.0.0.1' }, true],
    ['is active', { state: 'ACTIVE' }, true],
  ])('a newcomer of the same second takes its place: %s', (_, status, isActive) => {
    expect(rankOf(subnet({}, { status })).isActive).toBe(isActive)
  })
})

describe('is woken', () => {
  const lan = network()
  const furnished = (more: object = {}) => {
    const w = world(lan)
    w.put('subnets', subnet({}, more))
    w.put('subnets', subnet({ networkRef: { name: 'wan' } }, {}, 'elsewhere'))
    return { w, woken: wokenBy(w, subnetController) }
  }
  test.each<[string, 'networks' | 'subnets' | 'ports' | 'ipClaims' | 'clouds', object, string[], string[]]>([
    ['its Network', 'networks', lan, ['ns/lan-v4'], ['ns/lan-v4']],
    ['another on its Network', 'subnets', sibling('10.0.0.0/24'), ['ns/lan-v4'], ['ns/lan-v4']],
    ['a Port on its Network', 'ports', holder('lan-v4'), [], ['ns/lan-v4']],
    ['a claim on it', 'ipClaims', claim('p'), [], ['ns/lan-v4']],
    ['a claim on one that is not there', 'ipClaims', claim('p', 'uid-gone'), [], []],
    ['the Cloud', 'clouds', cloud('default'), ['ns/elsewhere', 'ns/lan-v4'], ['ns/elsewhere', 'ns/lan-v4']],
    ['another Cloud', 'clouds', cloud('mine'), [], []],
  ])('by %s', (_, cache, object, staying, going) => {
    expect(furnished().woken(cache, object as never)).toEqual(staying)
    expect(furnished({ deleted: true }).woken(cache, object as never)).toEqual(going)
  })
  test('when it is gone its addresses are forgotten', () => {
    const { w } = furnished()
    const forgotten: string[] = []
    w.deps.addresses.forgetSubnet = (uid) => void forgotten.push(uid)
    subnetController(w.deps, w.stores as never).forget?.('ns/lan-v4', subnet())
    expect(forgotten).toEqual(['uid-lan-v4'])
  })
})
