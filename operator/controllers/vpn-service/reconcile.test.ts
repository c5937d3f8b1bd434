// SPDX-License-Identifier: Apache-2.0
// Where a VPNService stands, what its node is told, and how it follows the Router's traffic.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Router, Secret, Subnet, VPNConnection, VPNService } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { createTestCertificate } from '../../../lib/pki/testing/certificate.ts'
import { createSealingKey, sealingKeyOf, unseal } from '../../../lib/pki/sealed.ts'
import { VPNKeyStore } from '../../vpn/key-store.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { stored } from '../../testing/memory-deps.ts'
import { reconcileVPNConnection } from '../vpn-connection/reconcile.ts'
import { reconcileVPNService } from './reconcile.ts'

const KEY = 'sixteen-characters'
let w: OutsideWorld
let service: VPNService
let router: Router
let data: Record<string, string>
const client = {
  find: async () =>
    ({
      metadata: { labels: { 'nephele.dev/vpn-key': 'true' } },
      data,
    }) as unknown as Secret,
} as never
/** As its own run leaves it: it says whose it is. */
const connection = (name: string, peerAddress: string, cidr: string, more: object = {}, meta: object = {}) =>
  stored<VPNConnection>(
    name,
    {
      ...{ vpnServiceRef: { name: 'vpn' }, peerAddress, peerCIDRs: [cidr], preSharedKeySecretRef: { name: 'k' } },
      ...more,
    },
    { status: { vpnServiceUID: 'uid-vpn' }, ...meta },
  )
async function step(): Promise<Outcome> {
  let outcome = await reconcileVPNService(service, w.deps, { ...w.run, client })
  w.put('vpnServices', service)
  if (outcome.kind === 'saved') outcome = await step()
  return outcome
}
async function look(one: VPNConnection): Promise<Outcome> {
  let outcome = await reconcileVPNConnection(one, w.deps, { ...w.run, client })
  w.put('vpnConnections', one)
  if (outcome.kind === 'saved') outcome = await look(one)
  return outcome
}
const told = async (node = service.status?.node ?? '') => {
  const document = await w.bus.desired.read(node, 'vpn', 'uid-vpn')
  return document?.kind === 'vpn' && !document.tombstone ? document.spec : undefined
}
/** As the node reads it: with what is sealed for it. */
const opened = async (node = service.status?.node ?? '') => {
  const spec = await told(node)
  const unsealed = (sealed: string, use: string) =>
    unseal(sealed, SEALING[node] ?? '', { kind: 'vpn', use, uid: 'uid-vpn', node })
  return (
    spec && {
      ...spec,
      connections: spec.connections.map(({ sealedKey, ...rest }) =>
        sealedKey === undefined ? rest : { ...rest, preSharedKey: unsealed(sealedKey, `connections/${rest.uid}`) },
      ),
      keys: Object.entries(spec.certificates ?? {}).map(([id, one]) => unsealed(one.sealedKey, `certificates/${id}`)),
    }
  )
}
const SEALING: Record<string, string> = { g1: createSealingKey(), g2: createSealingKey() }
const announce = (node: string, privateKey: string | undefined) => {
  const held = w.deps.caches.computeNodes.find(undefined, node)
  if (!held) throw new Error(node)
  const status = { ...held.status }
  if (privateKey === undefined) delete status.sealingKey
  w.put('computeNodes', {
    ...held,
    status: privateKey === undefined ? status : { ...status, sealingKey: sealingKeyOf(privateKey) },
  })
}
const says = (tunnels: object[], node = service.status?.node ?? '') =>
  w.report('vpn', service, { node, state: 'ready', epoch: service.status?.epoch ?? 0, facts: { tunnels } as never })

beforeEach(async () => {
  data = { psk: Buffer.from(KEY).toString('base64') }
  w = outsideWorld()
  for (const node of ['g1', 'g2']) {
    w.node(node)
    announce(node, SEALING[node])
    w.bus.heartbeats.expect([node])
    w.bus.heartbeats.beat(node, 'boot')
  }
  router = stored<Router>('r', {
    interfaces: [{ subnetRef: { name: 'lan' } }],
    externalGateway: { networkRef: { name: 'public', namespace: 'admin' } },
  })
  await w.step(router)
  w.put('routers', router)
  service = stored<VPNService>('vpn', { routerRef: { name: 'r' } })
  w.put('vpnServices', service)
})

test('it has an address of its own outside, a way from the Router, and the node that carries the Router’s traffic', async () => {
  w.put('vpnConnections', connection('c', '198.51.100.7', '10.9.0.0/24'))
  expect(await step()).toMatchObject({ kind: 'wait', reason: 'Provisioning' })
  expect(service.status).toMatchObject({
    node: 'g1',
    epoch: 1,
    network: 'admin/public',
    router: 'ns/r',
    routerUID: 'uid-r',
  })
  const { externalIP = '' } = service.status ?? {}
  expect(externalIP).toMatch(/^203\.0\.113\./)
  expect(externalIP).not.toBe(router.status?.externalGateway?.fixedIPs?.[0]?.ipAddress)
  expect(w.network.rows.of('ServicePort').get('uid-vpn')).toMatchObject({
    networkUid: 'uid-public',
    ports: [{ node: 'g1', addresses: [externalIP] }],
  })
  expect(w.network.rows.of('VPNService').get('uid-vpn')).toMatchObject({
    routerUid: 'uid-r',
    node: 'g1',
    peerCIDRs: ['10.9.0.0/24'],
  })
  expect(JSON.stringify(await told())).not.toContain(KEY)
  expect(await opened()).toMatchObject({
    outside: { addresses: [{ address: externalIP, prefixLength: 24 }], gateways: ['203.0.113.1'] },
    connections: [
      {
        ...{
          uid: 'uid-c',
          peerAddress: '198.51.100.7',
          peerID: '198.51.100.7',
          localID: externalIP,
          preSharedKey: KEY,
        },
        ...{ peerCIDRs: ['10.9.0.0/24'], localCIDRs: ['10.0.0.0/24'], dpdSeconds: 30, initiates: true },
      },
    ],
  })
  says([])
  expect(await step()).toEqual({ kind: 'done' })
  expect(service.status?.state).toBe('ACTIVE')
})

test('it follows the Router’s traffic to another node, keeps its address, and the node before lets go', async () => {
  await step()
  says([])
  await step()
  const address = service.status?.externalIP
  w.network.moveGateway('uid-r', 'g2')
  await step()
  expect(service.status).toMatchObject({
    node: 'g2',
    epoch: 2,
    externalIP: address,
    pendingReleases: [{ node: 'g1', epoch: 1 }],
  })
  expect(w.bus.desired.find('g1', 'vpn', 'uid-vpn')?.tombstone).toBe(true)
  expect(await told('g2')).toBeDefined()
  expect(w.network.rows.of('VPNService').get('uid-vpn')?.node).toBe('g2')
  w.report('vpn', service, { node: 'g1', epoch: 1, state: 'gone' })
  says([])
  expect(await step()).toEqual({ kind: 'done' })
  expect(service.status?.pendingReleases).toBeUndefined()
  // A node that is none of the Router's is not believed.
  w.network.moveGateway('uid-r', 'stranger')
  await step()
  expect(service.status?.node).toBe('g2')
})

test('a Router has one', async () => {
  await step()
  const other = stored<VPNService>('other', { routerRef: { name: 'r' } })
  expect(await reconcileVPNService(other, w.deps, { ...w.run, client })).toMatchObject({ reason: 'RouterInUse' })
})

test('without a gateway it says so, and with one it goes on', async () => {
  const before = router.status
  router.status = { state: 'ACTIVE' }
  w.put('routers', router)
  expect(await step()).toMatchObject({ reason: 'RouterNotExternal' })
  w.put('routers', { ...router, ...(before ? { status: { ...before, gateways: [] } } : {}) })
  w.network.rows.of('Router').delete('uid-r')
  expect(await step()).toMatchObject({ reason: 'NoGatewayNode' })
})

test('it goes once its node has let go, and its address with it', async () => {
  await step()
  service.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
  expect(await step()).toMatchObject({ reason: 'Releasing' })
  expect([...w.network.rows.of('VPNService')]).toEqual([])
  w.report('vpn', service, { node: 'g1', epoch: 1, state: 'gone' })
  expect(await step()).toEqual({ kind: 'released' })
  expect(w.deps.addresses.listHeld({ kind: 'VPNService', namespace: 'ns', name: 'vpn', uid: 'uid-vpn' })).toEqual([])
})

describe('IPv6', () => {
  const six = (more: object = {}) =>
    connection('c', '2001:db8::7', 'fd00:9::/64', { peerCIDRs: ['10.9.0.0/24', 'fd00:9::/64'], ...more })
  let outside: Subnet
  beforeEach(() => {
    outside = w.subnet('public-6', 'public', 'fd00:97::/64', { namespace: 'admin' })
  })
  const joinsSix = async () => {
    w.subnet('lan-6', 'lan', 'fd00:1::/64')
    router.spec.interfaces?.push({ subnetRef: { name: 'lan-6' } })
    await w.step(router)
  }

  test('it has an address of each family outside, and a peer is asked from that of its own', async () => {
    await joinsSix()
    const one = six()
    w.put('vpnConnections', one)
    await step()
    const { externalIP = '', externalIPv6 = '' } = service.status ?? {}
    expect([externalIP, externalIPv6]).toEqual([expect.stringMatching(/^203/), expect.stringMatching(/^fd00:97::/)])
    expect(service.status).toMatchObject({ subnet: 'public', subnetIPv6: 'public-6' })
    expect(w.network.rows.of('ServicePort').get('uid-vpn')?.ports[0]?.addresses).toEqual([externalIP, externalIPv6])
    const spec = await told()
    expect(spec?.outside.addresses).toEqual([
      { address: externalIP, prefixLength: 24 },
      { address: externalIPv6, prefixLength: 64 },
    ])
    expect(spec?.outside.gateways).toEqual(['203.0.113.1', 'fd00:97::1'])
    expect(spec?.connections[0]).toMatchObject({
      ...{
        localID: externalIPv6,
        peerCIDRs: ['10.9.0.0/24', 'fd00:9::/64'],
        localCIDRs: ['10.0.0.0/24', 'fd00:1::/64'],
      },
    })
    await look(one)
    expect(one.status?.localID).toBe(externalIPv6)
    expect(
      w.deps.addresses.listHeld({ kind: 'VPNService', namespace: 'ns', name: 'vpn', uid: 'uid-vpn' }),
    ).toHaveLength(2)
  })

  test('a peer gets ranges of the families that it has itself', async () => {
    await joinsSix()
    w.put('vpnConnections', six({ peerCIDRs: ['10.9.0.0/24'] }))
    await step()
    expect((await told())?.connections[0]?.localCIDRs).toEqual(['10.0.0.0/24'])
  })

  test('one that comes later is taken, and those that were there stay', async () => {
    w.drop('subnets', outside)
    await step()
    const { externalIP } = service.status ?? {}
    expect(service.status?.externalIPv6).toBeUndefined()
    w.subnet('public-6', 'public', 'fd00:97::/64', { namespace: 'admin' })
    await step()
    expect(service.status).toMatchObject({ externalIP, externalIPv6: expect.stringMatching(/^fd00:97::/) })
  })

  test.each<[string, () => VPNConnection, string, string]>([
    ['ranges of a family that the Router does not join', () => six(), 'NoSubnet', 'joins no IPv6 Subnet'],
    [
      'an address of a family that the Network does not have',
      () => (w.drop('subnets', outside), six({ peerCIDRs: ['10.9.0.0/24'] })),
      'NoSubnet',
      'has no IPv6 Subnet',
    ],
  ])('%s: refused', async (_, make, reason, message) => {
    const one = make()
    w.put('vpnConnections', one)
    await step()
    expect(await look(one)).toMatchObject({ reason, message: expect.stringContaining(message) })
    expect((await told())?.connections).toEqual([])
  })

  test('local ranges of one family for a peer of two: refused', async () => {
    await joinsSix()
    const one = six({ localCIDRs: ['10.0.0.0/24'] })
    w.put('vpnConnections', one)
    await step()
    expect(await look(one)).toMatchObject({
      reason: 'LocalCIDRNotRouted',
      message: expect.stringContaining('no IPv6 range'),
    })
  })

  test('the link’s own range is nobody’s', async () => {
    await joinsSix()
    const one = six({ peerCIDRs: ['fd4e:6570:6865::/48'] })
    w.put('vpnConnections', one)
    await step()
    expect(await look(one)).toMatchObject({ reason: 'CIDROverlap' })
  })
})

describe('of more connections than a node is told of', () => {
  const MOST = 64
  /** The first ones are the youngest. */
  const numbered = (i: number) => {
    const one = connection(`c${i}`, `198.51.100.${i}`, `10.${i}.0.0/24`)
    one.metadata.creationTimestamp = new Date(Date.UTC(2026, 0, 1) - i * 1000).toISOString()
    return one
  }
  const toldOf = async () => (await told())?.connections.map(({ uid }) => uid) ?? []
  const routed = () => w.network.rows.of('VPNService').get('uid-vpn')?.peerCIDRs ?? []
  beforeEach(() => {
    for (let i = 1; i <= MOST + 3; i++) w.put('vpnConnections', numbered(i))
  })

  test('the oldest count: neither the node nor the Router hears of others, which say why', async () => {
    await step()
    expect(await toldOf()).toHaveLength(MOST)
    expect(await toldOf()).not.toEqual(expect.arrayContaining([expect.stringMatching(/^uid-c[123]$/)]))
    expect(routed()).toHaveLength(MOST)
    expect(routed()).not.toContain('10.3.0.0/24')
    expect(await look(numbered(3))).toMatchObject({ kind: 'wait', reason: 'TooManyConnections' })
    expect(await look(numbered(4))).toMatchObject({ reason: 'Provisioning' })
  })

  test('when one goes the next one counts', async () => {
    await step()
    w.drop('vpnConnections', numbered(30))
    await step()
    expect(await toldOf()).toContain('uid-c3')
    expect(await toldOf()).toHaveLength(MOST)
    expect(routed()).toContain('10.3.0.0/24')
    expect(await look(numbered(3))).toMatchObject({ reason: 'Provisioning' })
    expect(await look(numbered(2))).toMatchObject({ reason: 'TooManyConnections' })
  })
})

test('one that its Quota has not let in yet is nobody’s', async () => {
  w.put('vpnConnections', connection('c', '198.51.100.7', '10.9.0.0/24', {}, { status: {} }))
  await step()
  expect((await told())?.connections).toEqual([])
  expect(w.network.rows.of('VPNService').get('uid-vpn')?.peerCIDRs).toEqual([])
})

describe('what is sealed', () => {
  beforeEach(() => {
    w.put('vpnConnections', connection('c', '198.51.100.7', '10.9.0.0/24'))
  })

  test('is sealed once for its node, and anew for another node, and for a new key of the node', async () => {
    await step()
    const first = (await told())?.connections[0]?.sealedKey
    await step()
    expect((await told())?.connections[0]?.sealedKey).toBe(first)
    SEALING['g1'] = createSealingKey()
    announce('g1', SEALING['g1'])
    await step()
    expect((await told())?.connections[0]?.sealedKey).not.toBe(first)
    expect((await opened())?.connections[0]).toMatchObject({ preSharedKey: KEY })
    w.network.moveGateway('uid-r', 'g2')
    await step()
    expect((await opened('g2'))?.connections[0]).toMatchObject({ preSharedKey: KEY })
  })

  test('a node that announces no key is told nothing, and keeps what it has', async () => {
    announce('g1', undefined)
    expect(await step()).toMatchObject({ reason: 'SealingKeyMissing', message: expect.stringContaining('g1') })
    expect(await told()).toBeUndefined()
    announce('g1', SEALING['g1'])
    await step()
    const before = await told()
    announce('g1', undefined)
    await step()
    expect(await told()).toEqual(before)
  })

  test('an operator that has just begun leaves with a node what it cannot read any more, and gives it to no other', async () => {
    await step()
    const before = await told()
    data = {}
    Object.assign(w.deps, { vpnKeys: new VPNKeyStore('nephele-system') })
    await step()
    expect(await told()).toEqual(before)
    w.network.moveGateway('uid-r', 'g2')
    await step()
    expect((await told('g2'))?.connections).toEqual([])
  })
})

describe('by certificates', () => {
  const byCertificate = (name: string, last: number, more: object = {}) =>
    connection(name, `198.51.100.${last}`, `10.${last}.0.0/24`, {
      ...{ preSharedKeySecretRef: undefined, certificateSecretRef: { name: 'k' }, ...more },
    })
  beforeEach(async () => {
    const root = await createTestCertificate({ subject: 'CN=root', isAuthority: true })
    const names = [{ type: 'dns' as const, value: 'cloud.example.com' }]
    const own = await createTestCertificate({ subject: 'O=Cloud, CN=gw', names, issuer: root })
    data = Object.fromEntries(
      Object.entries({ 'tls.crt': own.certificate, 'tls.key': own.key, 'ca.crt': root.certificate }).map(
        ([key, text]) => [key, Buffer.from(text).toString('base64')],
      ),
    )
  })

  test('its node is told them once for all connections, and whom we are; the status says until when', async () => {
    const [one, two] = [byCertificate('one', 7), byCertificate('two', 8, { localID: 'O=Cloud, CN=gw' })]
    for (const each of [one, two]) w.put('vpnConnections', each)
    await step()
    const spec = await told()
    const [id = ''] = Object.keys(spec?.certificates ?? {})
    expect(spec?.connections.map(({ certificate, localID, sealedKey }) => [certificate, localID, sealedKey])).toEqual([
      [id, 'cloud.example.com', undefined],
      [id, 'O=Cloud, CN=gw', undefined],
    ])
    expect((await opened())?.keys).toEqual([expect.stringMatching(/^[A-Za-z0-9+/]{100,}=*$/)])
    await look(one)
    expect(one.status).toMatchObject({
      localID: 'cloud.example.com',
      certificate: { subject: 'O=Cloud, CN=gw', issuer: 'CN=root', notAfter: expect.stringMatching(/Z$/) },
    })
  })

  test('a wrong one is said, while the one before stays with the node, also for an operator that has just begun', async () => {
    const one = byCertificate('one', 7)
    w.put('vpnConnections', one)
    await step()
    says([{ uid: 'uid-one', up: true }])
    const before = await told()
    data = { ...data, 'tls.key': '' }
    const begun = new VPNKeyStore('nephele-system')
    Object.assign(w.deps, { vpnKeys: begun })
    expect(await look(one)).toMatchObject({ kind: 'wait', reason: 'CertificateInvalid' })
    expect(one.status?.state).toBe('ACTIVE')
    await step()
    expect(await told()).toEqual(before)
  })

  test('a node has eight Secrets with certificates at most', async () => {
    for (let i = 1; i <= 9; i++)
      w.put('vpnConnections', byCertificate(`c${i}`, i, { certificateSecretRef: { name: `k${i}` } }))
    await step()
    expect((await told())?.connections).toHaveLength(8)
    const last = byCertificate('c9', 9, { certificateSecretRef: { name: 'k9' } })
    expect(await look(last)).toMatchObject({ reason: 'TooManyConnections', message: expect.stringContaining('k1, k2') })
  })
})

describe('a node that had it', () => {
  const uid = 'uid-vpn'
  const isTold = (node: string) => w.bus.desired.find(node, 'vpn', uid)?.tombstone
  const held = () => w.deps.addresses.listHeld({ kind: 'VPNService', namespace: 'ns', name: 'vpn', uid })
  beforeEach(async () => {
    await step()
    says([])
    await step()
    w.network.moveGateway('uid-r', 'g2')
    await step()
    says([])
    await step()
  })

  test('is told again by a leader whose bus lost everything; the address stays until both have let go', async () => {
    const wipe = () => {
      w.bus.desired.wipe()
      for (const node of ['g1', 'g2']) w.bus.observed.forget({ kind: 'vpn', uid, node })
    }
    wipe()
    await step()
    expect([isTold('g1'), service.status?.pendingReleases]).toEqual([true, [{ node: 'g1', epoch: 1 }]])
    service.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    expect(await step()).toMatchObject({ reason: 'Releasing' })
    wipe()
    expect(await step()).toMatchObject({ reason: 'Releasing' })
    expect(['g1', 'g2'].map(isTold)).toEqual([true, true])
    w.report('vpn', service, { node: 'g2', epoch: 2, state: 'gone' })
    expect(await step()).toMatchObject({ reason: 'Releasing', message: expect.stringContaining('g1') })
    expect(held()).toHaveLength(1)
    w.report('vpn', service, { node: 'g1', epoch: 1, state: 'gone' })
    expect(await step()).toEqual({ kind: 'released' })
    expect(held()).toEqual([])
  })

  test('is waited for when it is silent, and holds its ComputeNode', async () => {
    Object.assign(w.bus.heartbeats, { pulse: (node: string) => (node === 'g1' ? 'silent' : 'up') })
    expect(await step()).toEqual({ kind: 'done' })
    expect(service.status?.pendingReleases).toHaveLength(1)
    for (const name of ['g1', 'g2']) {
      const node = w.deps.caches.computeNodes.find(undefined, name)
      expect(node && waitForHolders('computeNodes', node, w.deps.caches)).toMatchObject({ reason: 'InUse' })
    }
  })

  test('is not forgotten when there are too many: it stays until one lets go', async () => {
    const others = Array.from({ length: 15 }, (_, i) => ({ node: `n${i}`, epoch: 1 }))
    Object.assign(service.status ?? {}, { pendingReleases: [...others] })
    w.network.moveGateway('uid-r', 'g1')
    expect(await step()).toMatchObject({ reason: 'Releasing', message: expect.stringContaining('spec.lost') })
    expect([service.status?.node, service.status?.pendingReleases]).toEqual(['g2', others])
    w.report('vpn', service, { node: 'n3', epoch: 1, state: 'gone' })
    await step()
    expect(service.status?.node).toBe('g1')
    expect(service.status?.pendingReleases).toHaveLength(15)
  })

  test('goes, and no other can have it: it lets go as well', async () => {
    for (const name of ['g1', 'g2']) {
      const node = w.deps.caches.computeNodes.find(undefined, name)
      if (node) node.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    }
    expect(await step()).toMatchObject({ reason: 'NoGatewayNode' })
    expect(service.status?.node).toBeUndefined()
    expect(['g1', 'g2'].map(isTold)).toEqual([true, true])
  })
})

describe('of a connection is said', () => {
  const c = (cidr = '10.9.0.0/24', more: object = {}) => connection('c', '198.51.100.7', cidr, more)
  test('up and down as its node says, and since when', async () => {
    const one = c()
    w.put('vpnConnections', one)
    await step()
    expect(await look(one)).toMatchObject({ reason: 'Provisioning' })
    says([{ uid: 'uid-c', up: true }])
    expect(await look(one)).toMatchObject({ kind: 'done', retryAfterMs: 60_000 })
    expect(one.status).toMatchObject({ state: 'ACTIVE', localCIDRs: ['10.0.0.0/24'], since: w.run.now.toISOString() })
    says([{ uid: 'uid-c', up: false, reason: 'PeerNotAnswering', message: 'peer 198.51.100.7 does not answer' }])
    expect(await look(one)).toMatchObject({ reason: 'PeerNotAnswering', message: 'peer 198.51.100.7 does not answer' })
    expect(one.status?.state).toBe('DOWN')
    says([{ uid: 'uid-c', up: true, reason: 'NotTakenByNode', message: 'it goes on with what it had' }])
    expect(await look(one)).toMatchObject({ reason: 'NotTakenByNode', message: 'it goes on with what it had' })
    expect(one.status?.state).toBe('ACTIVE')
  })
  test.each<[string, VPNConnection, string]>([
    ['a range of its own Subnet', c('10.0.0.0/16'), 'CIDROverlap'],
    ['a range outside', c('203.0.113.0/25'), 'CIDROverlap'],
    ['the link’s own range', c('169.254.0.0/16'), 'CIDROverlap'],
    ['a local range that nobody has', c(undefined, { localCIDRs: ['10.77.0.0/24'] }), 'LocalCIDRNotRouted'],
    ['a range of an older one', c('10.8.1.0/24'), 'CIDROverlap'],
    ['the peer of an older one', connection('c', '198.51.100.1', '10.9.0.0/24'), 'PeerInUse'],
  ])('%s: refused, and its node hears nothing of it', async (_, one, reason) => {
    const older = { creationTimestamp: '2020-01-01T00:00:00Z' }
    const first = connection('a-first', '198.51.100.1', '10.8.0.0/16')
    Object.assign(first.metadata, older)
    w.put('vpnConnections', first)
    Object.assign(one.metadata, { creationTimestamp: '2021-01-01T00:00:00Z' })
    w.put('vpnConnections', one)
    await step()
    expect(await look(one)).toMatchObject({ reason, message: expect.stringMatching(/:/) })
    expect((await told())?.connections.map(({ uid }) => uid)).toEqual(['uid-a-first'])
  })
  test('what a local range of a Subnet is', async () => {
    const one = c(undefined, { localCIDRs: ['10.0.0.128/25'] })
    w.put('vpnConnections', one)
    await step()
    await look(one)
    expect(one.status?.localCIDRs).toEqual(['10.0.0.128/25'])
  })
  test('one that goes waits until its node has ended it', async () => {
    const one = c()
    w.put('vpnConnections', one)
    await step()
    await look(one)
    says([{ uid: 'uid-c', up: true }])
    one.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    w.put('vpnConnections', one)
    expect(await look(one)).toMatchObject({ reason: 'Releasing' })
    await step()
    expect((await told())?.connections).toEqual([])
    says([])
    expect(await look(one)).toEqual({ kind: 'released' })
  })
})

const routed = () =>
  (w.network.rows.of('VPNService').get('uid-vpn') as { peerCIDRs?: readonly string[] } | undefined)?.peerCIDRs

describe('what is for a peer never leaves in clear: the Router sends it to the service', () => {
  const c = (peerCIDRs = ['10.9.0.0/24', '172.16.0.0/16']) => connection('c', '198.51.100.7', '', { peerCIDRs })
  test('whatever becomes of its key, for an operator that has just begun, and on another node', async () => {
    w.put('vpnConnections', c())
    await step()
    data = {}
    Object.assign(w.deps, { vpnKeys: new VPNKeyStore('nephele-system') })
    await step()
    expect(routed()).toEqual(['10.9.0.0/24', '172.16.0.0/16'])
    w.network.moveGateway('uid-r', 'g2')
    await step()
    expect([(await told('g2'))?.connections, routed()]).toEqual([[], ['10.9.0.0/24', '172.16.0.0/16']])
  })
  test('before it ever had a tunnel', async () => {
    data = {}
    w.put('vpnConnections', c())
    await step()
    expect(routed()).toEqual(['10.9.0.0/24', '172.16.0.0/16'])
  })
  test('but what is somebody else’s, too, and nothing more of it', async () => {
    const one = c()
    w.put('vpnConnections', one)
    await step()
    w.addNetwork('lan2')
    w.subnet('lan2', 'lan2', '10.9.0.0/25')
    router.spec.interfaces = [...(router.spec.interfaces ?? []), { subnetRef: { name: 'lan2' } }]
    await w.step(router)
    await step()
    expect([routed(), await look(one)]).toMatchObject([['172.16.0.0/16'], { reason: 'CIDROverlap' }])
  })
  test('of one that is refused for another, too; not of one that goes', async () => {
    w.put('vpnConnections', c())
    const same = connection('same', '198.51.100.7', '10.20.0.0/16', {}, { creationTimestamp: '2030-01-01T00:00:00Z' })
    w.put('vpnConnections', same)
    await step()
    expect(routed()).toEqual(['10.20.0.0/16', '10.9.0.0/24', '172.16.0.0/16'])
    same.metadata.deletionTimestamp = '2031-01-01T00:00:00Z'
    w.put('vpnConnections', same)
    await step()
    expect(routed()).toEqual(['10.9.0.0/24', '172.16.0.0/16'])
  })
})

describe('a connection is deleted while its service has no way outside', () => {
  const GONE = '2026-01-01T00:00:00Z'
  const [one, other] = [{}, {}] as [VPNConnection, VPNConnection]
  const uids = async () => (await told())?.connections.map(({ uid }) => uid)
  beforeEach(async () => {
    Object.assign(one, connection('c', '198.51.100.7', '10.9.0.0/24'))
    Object.assign(other, connection('d', '198.51.100.8', '10.10.0.0/24'))
    for (const each of [one, other]) w.put('vpnConnections', each)
    await step()
    for (const each of [one, other]) await look(each)
    says([
      { uid: 'uid-c', up: true },
      { uid: 'uid-d', up: true },
    ])
    delete router.spec.externalGateway
    await w.step(router)
    expect(await step()).toMatchObject({ reason: 'RouterNotExternal' })
    one.metadata.deletionTimestamp = GONE
    w.put('vpnConnections', one)
  })
  test('its node ends its tunnel, and no other', async () => {
    const before = await told()
    expect(await look(one)).toMatchObject({ reason: 'Releasing' })
    await step()
    expect(await told()).toEqual({ ...before, connections: before?.connections.slice(1) })
    says([{ uid: 'uid-d', up: true }])
    expect(await look(one)).toEqual({ kind: 'released' })
  })
  test('also while the node announces no key', async () => {
    router.spec.externalGateway = { networkRef: { name: 'public', namespace: 'admin' } }
    await w.step(router)
    announce('g1', undefined)
    expect(await step()).toMatchObject({ reason: 'SealingKeyMissing' })
    expect(await uids()).toEqual(['uid-d'])
  })
  test('all of them go, and the service, and its Router', async () => {
    for (const each of [one, other, service, router]) each.metadata.deletionTimestamp = GONE
    for (const each of [one, other]) w.put('vpnConnections', each)
    w.put('vpnServices', service)
    expect(await step()).toMatchObject({ reason: 'InUse' })
    expect(w.bus.desired.find('g1', 'vpn', 'uid-vpn')?.tombstone).toBe(true)
    for (const each of [one, other]) {
      expect(await look(each)).toEqual({ kind: 'released' })
      w.drop('vpnConnections', each)
    }
    expect(await step()).toMatchObject({ reason: 'Releasing' })
    w.report('vpn', service, { node: 'g1', epoch: 1, state: 'gone' })
    expect(await step()).toEqual({ kind: 'released' })
    expect([...w.network.rows.of('VPNService'), ...w.network.rows.of('ServicePort')]).toEqual([])
    w.drop('vpnServices', service)
    expect(await w.step(router)).toEqual({ kind: 'released' })
  })
})

describe('two peers by the same names', () => {
  const peer = (name: string, last: number, more: object) =>
    connection(name, `198.51.100.${last}`, `10.${last}.0.0/24`, more, {
      creationTimestamp: `20${10 + last}-01-01T00:00:00Z`,
    })
  const other = { preSharedKeySecretRef: { name: 'other' } }
  test.each<[string, object, object]>([
    ['peerID', { peerID: '192.168.1.1' }, { peerID: '192.168.1.1', ...other }],
    ['peerID in other case', { peerID: 'gw.example.com' }, { peerID: 'GW.example.com', ...other }],
    ['another key of the Secret', { peerID: 'gw' }, { peerID: 'gw', preSharedKeySecretRef: { name: 'k', key: 'b' } }],
    ['our name as theirs', { peerID: 'b.x', localID: 'a.x' }, { peerID: 'a.x', localID: 'b.x', ...other }],
  ])('and another key: the younger is refused: %s', async (_, a, b) => {
    const [first, second] = [peer('first', 7, a), peer('second', 8, b)]
    for (const each of [first, second]) w.put('vpnConnections', each)
    await step()
    expect((await told())?.connections.map(({ uid }) => uid)).toEqual(['uid-first'])
    expect(await look(second)).toMatchObject({ reason: 'PeerIDInUse', message: expect.stringContaining('ns/first') })
  })
  test.each<[string, object, object]>([
    ['the same Secret and key', { peerID: 'gw' }, { peerID: 'gw', preSharedKeySecretRef: { name: 'k', key: 'psk' } }],
    ['another localID', { peerID: 'gw', localID: 'a.x' }, { peerID: 'gw', localID: 'b.x', ...other }],
    ['another peerID', {}, other],
  ])('%s: both are accepted', async (_, a, b) => {
    data = { ...data, b: data['psk'] ?? '' }
    for (const each of [peer('first', 7, a), peer('second', 8, b)]) w.put('vpnConnections', each)
    await step()
    expect((await told())?.connections).toHaveLength(2)
  })
})

test('an IPv4 Subnet that comes later and is full stops no VPN of IPv6; an address that it had is not given up', async () => {
  const four = w.deps.caches.subnets.find('admin', 'public')
  if (four) w.drop('subnets', four)
  w.subnet('public-6', 'public', 'fd00:97::/64', { namespace: 'admin' })
  w.subnet('lan-6', 'lan', 'fd00:1::/64')
  router = stored<Router>('r6', {
    interfaces: [{ subnetRef: { name: 'lan-6' } }],
    externalGateway: { networkRef: { name: 'public', namespace: 'admin' } },
  })
  await w.step(router)
  service = stored<VPNService>('vpn', { routerRef: { name: 'r6' } })
  await step()
  says([])
  expect([await step(), service.status?.externalIP]).toEqual([{ kind: 'done' }, undefined])
  // Its gateway has the only address.
  w.subnet('public-4', 'public', '192.0.2.1/32', { namespace: 'admin' })
  const before = service.status?.externalIPv6
  expect([await step(), service.status?.externalIPv6]).toEqual([{ kind: 'done' }, before])
  w.network.moveGateway('uid-r6', 'g2')
  await step()
  expect(service.status?.node).toBe('g2')
})
