// SPDX-License-Identifier: Apache-2.0
// Every bound of what is said, at it and beyond it: operators keep all of it in memory, and agents act on it.
import { describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import {
  DesiredDocument,
  Heartbeat,
  Inventory,
  MAX_DOCUMENT_BYTES,
  MAX_HEARTBEAT_BYTES,
  ObservedDocument,
} from './documents.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000001'
const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
const mac = 'fa:16:3e:00:00:01'
const nbd = { protocol: 'nbd', host: 'h', port: 10900, exportName: 'e', tls: true, tlsHostname: 't' }

const vpnPolicy = { encryptionAlgorithm: 'aes-256', authAlgorithm: 'sha256', pfs: 'group19', lifetimeSeconds: 3600 }
const sealedText = ['v1', 'A'.repeat(43), 'A'.repeat(43), 'AA'].join('.')
const vpnCertificate = { chain: ['Y2E='], sealedKey: sealedText, authorities: ['Y2E='] }
const vpnConnection = {
  ...{ uid: UID, peerAddress: '198.51.100.7', peerID: 'gw.example.com', localID: '203.0.113.5' },
  ...{ peerCIDRs: ['10.2.0.0/24'], localCIDRs: ['10.1.0.0/24'] },
  ...{ ikePolicy: vpnPolicy, ipsecPolicy: vpnPolicy, dpdSeconds: 30, initiates: true },
}
const vpnCertified = { ...vpnConnection, certificate: 'a'.repeat(64) }

const UPSTREAMS_OF = { providerNetwork: 'dc', upstreams: ['10.0.0.2'] }

const cellOfGuest = { hostCell: 0, vcpus: [0], memoryMiB: 1, cpus: [2], idleCpus: [3] }
const header = { v: 1, uid: UID, node: 'n1', namespace: 'team', name: 'x', versions, tombstone: false }
const desired = {
  node: {
    ...{ ...header, kind: 'node' },
    spec: {
      roles: { compute: 'libvirt', gateway: true, storage: true, image: true },
      physicalNetworks: [{ name: 'dc', interface: 'eth1', physicalFunctions: ['ens1f0'] }],
      ...{ certificate: 'c', certificateAuthority: 'a', nbd: { client: 'c', server: 's', authority: 'a' } },
      ...{ ovnRemote: 'ssl:10.0.0.1:6642', heartbeatSeconds: 10, dnsUpstreams: ['10.0.0.2'] },
      dnsUpstreamsOf: [{ providerNetwork: 'dc', upstreams: ['10.0.0.2'] }],
      withoutDnsUpstreams: ['other'],
      pools: [{ name: 'p', uid: UID, driver: 'file', path: '/p' }],
      reserved: { cpus: 1, memoryMiB: 1, diskGiB: 1 },
      dedicatedCpus: '2-3,7',
      images: { allowedNetworks: ['10.0.0.0/8', 'fd00::/8'], maxSizeGiB: 10, maxCachePercent: 50 },
    },
  },
  image: { ...header, kind: 'image', spec: { url: 'https://a/b', sha256: '0'.repeat(64), format: 'raw' } },
  volume: {
    ...{ ...header, kind: 'volume' },
    spec: {
      ...{ pool: 'p', driver: 'file', sizeGiB: 1, format: 'qcow2', exportTo: ['n2'] },
      exportKeys: { n2: '0'.repeat(40) },
    },
  },
  port: {
    ...{ ...header, kind: 'port' },
    spec: {
      ...{ logicalPort: 'p', networkUid: UID, network: 'team/lan', mac, mtu: 1442, vnicType: 'normal' },
      fixedIPs: [{ address: '10.0.0.2', prefixLength: 24, ipv6AddressMode: 'slaac' }],
      ...{
        instanceUid: UID,
        providerNetwork: 'dc',
        virtualFunction: { physicalNetwork: 'dc', vlan: 42, numaCells: [0] },
      },
    },
  },
  vpn: {
    ...{ ...header, kind: 'vpn' },
    spec: {
      outside: {
        ...{ logicalPort: 'service-u', networkUid: UID, mac, mtu: 1500, gateways: ['203.0.113.1'] },
        addresses: [{ address: '203.0.113.5', prefixLength: 24 }],
      },
      transit: { logicalPort: 'service-u-transit', mac, mtu: 1442 },
      connections: [{ ...vpnConnection, sealedKey: sealedText }],
      certificates: { ['a'.repeat(64)]: vpnCertificate },
    },
  },
  probe: {
    ...{ ...header, kind: 'probe' },
    spec: {
      ...{ portUid: UID, sourceMac: mac, destinationMac: mac, source: '10.0.0.2', destination: '10.0.0.3' },
      ...{ protocol: 'tcp', sourcePort: 61_000, destinationPort: 80 },
    },
  },
  instance: {
    ...{ ...header, kind: 'instance', grantedBootId: 'b' },
    spec: {
      ...{ hostname: 'vm', project: 'team', runState: 'Running', restartPolicy: 'Never', offlineRestart: false },
      ...{ vcpus: 1, memoryMiB: 64, rootDiskGiB: 0, ephemeralGiB: 0, swapMiB: 0, requireKvm: false },
      image: { uid: UID, sha256: '0'.repeat(64), format: 'raw', properties: {} },
      numa: { pageSizeKiB: 2048, cells: [cellOfGuest] },
      ports: [{ uid: UID, name: 'p', networkName: 'n' }],
      volumes: [{ uid: UID, name: 'v', connection: nbd, sizeGiB: 1 }],
      ...{ configDrive: false, publicKeys: [], metadata: {} },
      action: {
        uid: UID,
        type: 'SoftReboot',
        softTimeoutSeconds: 120,
        userName: 'root',
        sealedPassword: sealedText,
        notAfter: '2026-01-01T00:00:00Z',
      },
    },
  },
  tombstone: { ...header, kind: 'instance', tombstone: true },
}

const nic = { mac, portUid: UID, networkUid: UID, network: 'team/lan', addresses: ['10.0.0.2'] }
const observed = {
  ...{ v: 1, kind: 'instance', uid: UID, node: 'n1', versions, state: 'running', namespace: 'team', name: 'vm' },
  ...{ bootId: 'b', since: 't', progress: 0 },
  refused: { reason: 'Reason', message: 'm', versions },
  error: { reason: 'Reason', message: 'm', terminal: false },
  facts: {
    ...{ sha256: '0'.repeat(64), sizeGiB: 1, connection: nbd, exportedTo: ['n2'], stages: ['Booted'] },
    ...{ stoppedBecause: 'Reason', startedAt: '2026-01-01T00:00:00Z', hypervisor: 'h', nics: [nic] },
    ...{ volumesAttached: [UID], volumesListedFor: versions, vcpus: 0, memoryMiB: 0, rootDiskGiB: 0 },
    virtualFunction: { address: '0000:03:10.2', interface: 'ens1f0v0' },
    tunnels: [{ uid: UID, up: false, reason: 'PeerNotAnswering', message: 'm' }],
    probeAnswer: {
      ...{ result: 'Answered', sentAt: '2026-01-01T00:00:00Z', roundTripMicroseconds: 900 },
      ...{ answeredBy: '10.0.0.3', detail: 'SYN, ACK' },
    },
    action: {
      ...{ uid: UID, steps: [{ name: 'PoweredOff', time: '2026-01-01T00:00:00.000Z' }] },
      ...{ result: 'Failed', reason: 'StartFailed', message: 'm' },
    },
    pendingChanges: ['x'],
    orphans: [{ kind: 'instance', uid: 'u', what: 'w', nics: [nic], asOf: '2026-01-01T00:00:00Z' }],
    unlisted: [{ kind: 'volume', what: 'w', reason: 'Reason', message: 'm' }],
  },
}
const pem = 'p'
const inventory = {
  ...{ v: 1, node: 'n1', agentVersion: '1', bootId: 'b', storeId: 's', cpus: 1, memoryMiB: 1, diskGiB: 1 },
  numa: [
    {
      ...{ id: 0, memoryMiB: 1, cpus: [{ id: 0, core: 0, socket: 0, siblings: [0] }] },
      hugepages: [{ sizeKiB: 2048, total: 1, free: 1 }],
    },
  ],
  ...{ address: 'a', encapAddress: 'a' },
  hypervisor: { type: 't', version: 'v', acceleration: 'kvm', accelerationReason: 'r' },
  dpdk: { initialized: true, version: 'v', vhostUser: true, pmdCpus: [1] },
  ovs: { version: 'v', datapath: 'netdev' },
  physicalNetworks: [{ name: 'p', error: 'e', warning: 'w' }],
  resolver: {
    ...{ from: 'node', upstreams: [{ address: 'a', since: 's', error: 'e' }], awaySince: 's' },
    ofProviderNetworks: [{ providerNetwork: 'p', upstreams: [{ address: 'a', since: 's', error: 'e' }] }],
  },
  pciDevices: [
    {
      ...{ physicalNetwork: 'p', numaCell: 0, vendorID: '8086', productID: '154c' },
      ...{ count: 1, direct: 1, macvtap: 1 },
    },
  ],
  pools: [{ name: 'p', driver: 'd', uid: UID, totalGiB: 1, freeGiB: 1, error: 'e' }],
  imageCache: { images: 1, usedGiB: 1, maxGiB: 1 },
  ...{ certificateRequest: pem, nbdRequests: { client: pem, server: pem } },
  sealingKey: 'A'.repeat(43),
  dedicatedCpus: [0],
}
const beat = { v: 1, bootId: 'b', seq: 1, load: { urgent: 0, waiting: 0, long: 0, oldestSeconds: 0 } }

/** A copy of `value` with what lies at the path replaced; undefined counts as left out. */
function withAt(value: unknown, path: string, replacement: unknown): unknown {
  const copy = structuredClone(value) as Record<string, unknown>
  const steps = path.split('.')
  const last = steps.pop()!
  const at = steps.reduce((o, step) => o[step] as Record<string, unknown>, copy)
  at[last] = replacement
  return copy
}
const a = (length: number) => 'a'.repeat(length)
const list = (length: number, of: unknown) => Array.from({ length }, () => of)
const takes = (schema: z.ZodType, value: unknown) => schema.safeParse(value).success

/** Path, the last that is taken, the first that is not. */
type Row = [string, unknown, unknown]
const INT32 = 2 ** 31 - 1

test('whole documents of every kind are taken as they are', () => {
  for (const document of Object.values(desired)) expect(DesiredDocument.parse(document)).toEqual(document)
  expect(ObservedDocument.parse(observed)).toEqual(observed)
  expect(Inventory.parse(inventory)).toEqual(inventory)
  expect(Heartbeat.parse(beat)).toEqual(beat)
  expect([MAX_DOCUMENT_BYTES, MAX_HEARTBEAT_BYTES]).toEqual([262_144, 256])
})

test('a field that a newer operator added is kept, in every kind and part', () => {
  for (const document of Object.values(desired)) {
    const more = { ...document, later: 1 }
    expect(DesiredDocument.parse(more)).toEqual(more)
  }
  for (const path of ['instance.spec.later', 'instance.spec.volumes.0.later', 'node.spec.roles.later'] as const) {
    const kind = path.split('.')[0] as 'instance' | 'node'
    const more = withAt({ [kind]: desired[kind] }, path, { a: 1 }) as Record<string, unknown>
    expect(DesiredDocument.parse(more[kind])).toEqual(more[kind])
  }
})

describe.each<[keyof typeof desired, Row[]]>([
  [
    'node',
    [
      ['v', 1, 2],
      ['uid', a(63), a(64)],
      ['uid', 'a-0', 'a_0'],
      ['name', 'x', undefined],
      ['node', 'n', undefined],
      ['versions.incarnation', 1, 0],
      ['versions.term', 0, -1],
      ['versions.epoch', 0, -1],
      ['versions.generation', 0, -1],
      ['versions.epoch', 0, 0.5],
      ['grantedBootId', a(64), a(65)],
      ['spec.roles.compute', 'fake', 'xen'],
      ['spec.heartbeatSeconds', 1, 0],
      ['spec.dnsUpstreams', ['10.0.0.2', '10.0.0.3', 'fd00::2'], ['10.0.0.2', '10.0.0.3', 'fd00::2', 'fd00::3']],
      ['spec.dnsUpstreams.0', 'fd00::2', 'ns.example.com'],
      ['spec.dnsUpstreamsOf', list(128, UPSTREAMS_OF), list(129, UPSTREAMS_OF)],
      ['spec.dnsUpstreamsOf.0.providerNetwork', a(253), a(254)],
      ['spec.dnsUpstreamsOf.0.upstreams', [], undefined],
      ['spec.dnsUpstreamsOf.0.upstreams.0', 'fd00::2', 'ns.example.com'],
      ['spec.withoutDnsUpstreams', list(1024, 'a'), list(1025, 'a')],
      ['spec.withoutDnsUpstreams.0', a(253), a(254)],
      ['spec.images.maxSizeGiB', 1, 0],
      ['spec.images.maxCachePercent', 1, 0],
      ['spec.images.maxCachePercent', 100, 101],
      ['spec.images.allowedNetworks', ['192.0.2.0/24'], ['192.0.2.0']],
      ['spec.pools.0.uid', UID, 'A'],
      ['spec.reserved.cpus', 0, -1],
      ['spec.reserved.memoryMiB', 0, -1],
      ['spec.reserved.diskGiB', 0, -1],
      ['spec.dedicatedCpus', '0-8191,7', '0-'],
      ['spec.dedicatedCpus', '1', '2;reboot'],
      ['spec.dedicatedCpus', `1${',1'.repeat(511)}`, `1${',1'.repeat(512)}`],
      ['spec.nbd.authority', 'x', undefined],
      ['spec.physicalNetworks.0.physicalFunctions', list(8, 'eth1'), list(9, 'eth1')],
      ['spec.physicalNetworks.0.physicalFunctions', ['ens1f0np0'], ['../eth1']],
    ],
  ],
  [
    'image',
    [
      ['spec.url', 'http://a/b', 'file:///etc/shadow'],
      ['spec.url', 'https://a/b', 'xhttp://a/b'],
      ['spec.sha256', 'f'.repeat(64), 'f'.repeat(63)],
      ['spec.sha256', 'f'.repeat(64), 'F'.repeat(64)],
      ['spec.format', 'qcow2', 'vmdk'],
    ],
  ],
  [
    'vpn',
    [
      ['spec.transit.mtu', 576, 575],
      ['spec.connections.0.peerAddress', '192.0.2.1', 'gw.example.com'],
      ['spec.connections.0.peerID', 'a@b', 'a@b@c'],
      ...[
        '0.0.0.0',
        '::',
        '0::0',
        '0:0:0:0:0:0:0:0',
        '::ffff:0.0.0.0',
        '239.1.2.3',
        '255.255.255.255',
        'ff0e::1',
      ].flatMap((anybody): [string, string, string][] => [
        ['spec.connections.0.peerID', '10.0.0.1', anybody],
        ['spec.connections.0.localID', 'fd00::1', anybody],
        ['spec.connections.0.peerAddress', '10.0.0.1', anybody],
      ]),
      ['spec.connections.0.peerCIDRs', ['10.0.0.0/8'], []],
      ['spec.connections.0.sealedKey', sealedText, 'in clear, as it was once'],
      ['spec.connections.0.sealedKey', `${sealedText}${a(307)}`, `${sealedText}${a(308)}`],
      ['spec.connections.0.peerID', 'C=CH, CN=gw', 'C=CH, CN=*'],
      // One of the two, and of certificates one that is there.
      ['spec.connections.0.sealedKey', `${sealedText}A`, undefined],
      ['spec.connections.0.certificate', undefined, a(64)],
      ['spec.certificates', { [a(64)]: vpnCertificate }, { x: vpnCertificate }],
      ['spec.certificates', {}, { [a(64)]: { ...vpnCertificate, chain: [] } }],
      ['spec.certificates', {}, { [a(64)]: { ...vpnCertificate, authorities: Array(5).fill('Y2E=') } }],
      ['spec.certificates', {}, { [a(64)]: { ...vpnCertificate, sealedKey: 'a2V5' } }],
      ['spec.connections.0', vpnCertified, { ...vpnCertified, certificate: 'b'.repeat(64) }],
      ['spec.connections.0', vpnCertified, { ...vpnCertified, sealedKey: sealedText }],
      ['spec.connections.0.dpdSeconds', 300, 301],
      ['spec.connections.0.ikePolicy.pfs', 'group31', 'group2'],
      ['spec.connections.0.ipsecPolicy.authAlgorithm', 'sha512', 'md5'],
      ['spec.outside.logicalPort', 'service-a', 'port-a'],
    ],
  ],
  [
    'probe',
    [
      ['spec.portUid', a(63), a(64)],
      ['spec.portUid', UID, undefined],
      ['spec.outside', undefined, { networkUid: UID }],
      ['spec.destinationMac', mac, 'fa:16'],
      ['spec.destination', '10.0.0.4', 'fd00::4'],
      ['spec.destination', '255.255.255.255', 'host'],
      ['spec.protocol', 'udp', 'sctp'],
      ['spec.sourcePort', 65_535, 65_536],
      ['spec.sourcePort', 1, 0],
      ['spec.destinationPort', 65_535, undefined],
    ],
  ],
  [
    'volume',
    [
      ['spec.sizeGiB', 1, 0],
      ['spec.exportTo', [], undefined],
      ['spec.exportKeys', {}, { n2: '0'.repeat(39) }],
      ['spec.format', 'raw', 'vmdk'],
    ],
  ],
  [
    'port',
    [
      ['spec.mac', 'aa:bb:cc:dd:ee:ff', 'AA:bb:cc:dd:ee:ff'],
      ['spec.mac', mac, `${mac}:00`],
      ['spec.mtu', 576, 575],
      ['spec.mtu', 9000, 9001],
      ['spec.network', a(320), a(321)],
      ['spec.providerNetwork', a(253), a(254)],
      ['spec.vnicType', 'macvtap', 'external'],
      ['spec.virtualFunction.vlan', 4094, 4095],
      ['spec.virtualFunction.physicalNetwork', 'dc', 'DC'],
      ['spec.virtualFunction.numaCells', list(8, 0), list(9, 0)],
      ['spec.virtualFunction.numaCells.0', 1023, 1024],
      ['spec.fixedIPs.0.ipv6AddressMode', 'dhcpv6-stateful', 'dhcpv6'],
    ],
  ],
  [
    'instance',
    [
      ['spec.hostname', a(253), a(254)],
      ['spec.hostname', 'a-b', 'a_b'],
      ['spec.hostname', 'a', '-a'],
      ['spec.runState', 'Suspended', 'Shelved'],
      ['spec.restartPolicy', 'Always', 'Sometimes'],
      ['spec.offlineRestart', true, undefined],
      ['spec.vcpus', 1, 0],
      ['spec.memoryMiB', 64, 63],
      ['spec.numa.pageSizeKiB', 4, 3],
      ['spec.numa.cells', list(8, cellOfGuest), list(9, cellOfGuest)],
      ['spec.numa.cells', list(1, cellOfGuest), []],
      ['spec.numa.cells.0.hostCell', 1023, 1024],
      ['spec.numa.cells.0.memoryMiB', 1, 0],
      ['spec.numa.cells.0.vcpus', list(512, 0), list(513, 0)],
      ['spec.numa.cells.0.vcpus', [0], []],
      ['spec.numa.cells.0.cpus', list(512, 0), list(513, 0)],
      ['spec.numa.cells.0.cpus.0', 8191, 8192],
      ['spec.numa.cells.0.idleCpus', list(8192, 0), list(8193, 0)],
      ['spec.rootDiskGiB', 0, -1],
      ['spec.ephemeralGiB', 0, -1],
      ['spec.swapMiB', 0, -1],
      ['spec.requireKvm', true, undefined],
      ['spec.image.sha256', 'a'.repeat(64), undefined],
      ['spec.volumes.0.sizeGiB', 1, 0],
      ['spec.volumes.0.connection.port', 1, 0],
      ['spec.volumes.0.connection.port', 65535, 65536],
      ['spec.volumes.0.connection.host', a(253), a(254)],
      ['spec.volumes.0.connection.exportName', a(253), a(254)],
      ['spec.volumes.0.connection.tlsHostname', a(253), a(254)],
      ['spec.volumes.0.connection.tls', true, undefined],
      ['spec.volumes.0.connection', { protocol: 'file', path: a(4096), format: 'raw' }, { protocol: 'iscsi' }],
      ['spec.volumes.0.connection', nbd, { protocol: 'file', path: a(4097), format: 'raw' }],
    ],
  ],
  [
    'tombstone',
    [
      ['kind', 'port', 'router'],
      ['tombstone', true, 'yes'],
      ['versions', versions, undefined],
    ],
  ],
])('what an operator writes of a %s', (kind, rows) => {
  test.each(rows)('%s: %j, and no further', (path, last, beyond) => {
    expect(takes(DesiredDocument, withAt(desired[kind], path, last))).toBe(true)
    expect(takes(DesiredDocument, withAt(desired[kind], path, beyond))).toBe(false)
  })
})

describe('what a node says', () => {
  test.each<Row>([
    ['v', 1, 2],
    ['kind', 'volume', 'router'],
    ['uid', a(63), a(64)],
    ['node', a(253), a(254)],
    ['state', a(32), a(33)],
    ['namespace', a(63), a(64)],
    ['name', a(253), a(254)],
    ['bootId', a(64), a(65)],
    ['since', a(40), a(41)],
    ['progress', 100, 101],
    ['progress', 0, -1],
    ['versions.incarnation', 1, 0],
    ['facts', {}, undefined],
    ['facts.sha256', 'f'.repeat(64), 'x'],
    ['facts.exportedTo', list(256, 'n'), list(257, 'n')],
    ['facts.exportedTo', [a(253)], [a(254)]],
    ['facts.stages', list(8, 'Booted'), list(9, 'Booted')],
    ['facts.stages', ['ImageCached'], ['Elsewhere']],
    ['facts.startedAt', '2026-01-01T00:00:00.000Z', 'today'],
    ['facts.nics', list(16, nic), list(17, nic)],
    ['facts.nics.0.network', a(320), a(321)],
    ['facts.nics.0.addresses', list(8, '10.0.0.1'), list(9, '10.0.0.1')],
    ['facts.nics.0.addresses', ['255.255.255.255'], ['256.0.0.1']],
    ['facts.nics.0.addresses', ['fd00::1'], ['fd00::1/64']],
    ['facts.nics.0.addresses', ['::ffff:10.0.0.1'], ['any text']],
    ['facts.volumesAttached', list(64, 'u'), list(65, 'u')],
    ['facts.tunnels', list(64, { uid: 'u', up: true }), list(65, { uid: 'u', up: true })],
    ['facts.probeAnswer.result', 'Silent', 'Lost'],
    ['facts.probeAnswer.sentAt', '2026-01-01T00:00:00.000Z', 'now'],
    ['facts.probeAnswer.roundTripMicroseconds', INT32, INT32 + 1],
    ['facts.probeAnswer.answeredBy', 'fd00::1', 'host'],
    ['facts.volumesAttached', ['u'], ['U']],
    ...['vcpus', 'memoryMiB', 'rootDiskGiB', 'sizeGiB', 'restarts'].flatMap((field): Row[] => [
      [`facts.${field}`, 0, -1],
      [`facts.${field}`, INT32, INT32 + 1],
    ]),
    ['facts.sizeBytes', 0, -1],
    ['facts.virtualSizeBytes', 0, -1],
    ['facts.startedAt', `2026-01-01T00:00:00.${'0'.repeat(43)}Z`, `2026-01-01T00:00:00.${'0'.repeat(44)}Z`],
    ['facts.pendingChanges', list(32, 'x'), list(33, 'x')],
    ['facts.virtualFunction.address', '10000:ff:1f.7', '0000:03:10.8'],
    ['facts.virtualFunction.address', '0000:03:10.0', '0000:03:10.0/..'],
    ['facts.virtualFunction.interface', a(15), a(16)],
    ['facts.orphans.0.uid', a(63), a(64)],
    ['facts.orphans.0.kind', 'port', 'router'],
    ['facts.orphans.0.asOf', '2026-01-01T00:00:00.000Z', 'yesterday'],
    ['facts.unlisted.0.kind', 'port', 'router'],
    ['facts.orphans.0.nics', list(16, nic), list(17, nic)],
    ['error.terminal', true, undefined],
    ['refused', { reason: 'Reason', message: 'm' }, { reason: 'Reason' }],
  ])('%s: %j, and no further', (path, last, beyond) => {
    expect(takes(ObservedDocument, withAt(observed, path, last))).toBe(true)
    expect(takes(ObservedDocument, withAt(observed, path, beyond))).toBe(false)
  })

  test.each<Row>([
    ['v', 1, 2],
    ['node', a(253), a(254)],
    ['bootId', a(64), a(65)],
    ['storeId', a(64), a(65)],
    ['address', a(253), a(254)],
    ['encapAddress', a(253), a(254)],
    ['numa', list(256, inventory.numa[0]), list(257, inventory.numa[0])],
    ['dedicatedCpus', list(8192, 0), list(8193, 0)],
    ['dedicatedCpus.0', 8191, 8192],
    ['dpdk.pmdCpus', list(8192, 0), list(8193, 0)],
    ['dpdk.pmdCpus.0', 8191, 8192],
    ['pciDevices', list(32, inventory.pciDevices[0]), list(33, inventory.pciDevices[0])],
    ['pciDevices.0.physicalNetwork', a(63), a(64)],
    ['pciDevices.0.numaCell', 0, -1],
    ['pciDevices.0.vendorID', 'ffff', '0x8086'],
    ...['count', 'direct', 'macvtap'].map((field): Row => [`pciDevices.0.${field}`, 65_536, 65_537]),
    ['numa.0.cpus', list(4096, inventory.numa[0]!.cpus[0]), list(4097, inventory.numa[0]!.cpus[0])],
    ['numa.0.cpus.0.siblings', list(64, 0), list(65, 0)],
    ['numa.0.hugepages', list(16, inventory.numa[0]!.hugepages[0]), list(17, inventory.numa[0]!.hugepages[0])],
    ...[
      'cpus',
      'memoryMiB',
      'hugepagesMiB',
      'diskGiB',
      'pools.0.totalGiB',
      'pools.0.freeGiB',
      'imageCache.usedGiB',
    ].map((path): Row => [path, 0, -1]),
    ['cpus', INT32, INT32 + 1],
    ['hypervisor.acceleration', 'qemu', 'tcg'],
    ['ovs.datapath', 'system', 'dpdk'],
    ['physicalNetworks', list(64, inventory.physicalNetworks[0]), list(65, inventory.physicalNetworks[0])],
    ['physicalNetworks.0.name', a(63), a(64)],
    ['pools', list(256, inventory.pools[0]), list(257, inventory.pools[0])],
    ['pools.0.name', a(253), a(254)],
    ['pools.0.driver', a(63), a(64)],
    ['certificateRequest', a(16384), a(16385)],
    ['nbdRequests.client', a(16384), a(16385)],
    ['nbdRequests.server', a(16384), a(16385)],
    ['sealingKey', a(43), a(44)],
  ])('in its inventory, %s: no further', (path, last, beyond) => {
    expect(takes(Inventory, withAt(inventory, path, last))).toBe(true)
    expect(takes(Inventory, withAt(inventory, path, beyond))).toBe(false)
  })

  test.each<Row>([
    ['v', 1, 2],
    ['bootId', a(64), a(65)],
    ['load.urgent', 0, -1],
    ['load.waiting', 1e9, 1e9 + 1],
    ['load.long', 0, -1],
    ['load.oldestSeconds', 1e9, 1e9 + 1],
  ])('in its heartbeat, %s: no further', (path, last, beyond) => {
    expect(takes(Heartbeat, withAt(beat, path, last))).toBe(true)
    expect(takes(Heartbeat, withAt(beat, path, beyond))).toBe(false)
  })

  test.each(['error.reason', 'refused.reason', 'facts.stoppedBecause', 'facts.restartedAfter'])(
    'its %s is one that a condition takes, or AgentError',
    (path) => {
      const at = (of: unknown) => path.split('.').reduce((o, step) => (o as Record<string, unknown>)[step], of)
      const told = (reason: string) => at(ObservedDocument.parse(withAt(observed, path, reason)))
      for (const reason of ['GuestStopped', `A${a(127)}`]) expect(told(reason)).toBe(reason)
      for (const reason of ['', 'not a reason!', 'lower', `A${a(128)}`, 'Två', 'A\n'])
        expect(told(reason)).toBe('AgentError')
    },
  )

  test('what conditions take is what the resources’ schemas say', () => {
    const crd = readFileSync(new URL('../../crds/computenodes.yaml', import.meta.url), 'utf8')
    const [, schema] = crd.split(/^ +reason:$/m)
    expect(schema?.split(/^ +message:$/m)[0]).toMatch(/maxLength: 128\s+pattern: \^\[A-Z\]\[A-Za-z0-9\]\*\$/)
  })

  test('a machine has as many interfaces, addresses and volumes as the resources’ schemas let it have', () => {
    const most = (kind: string, field: string) => {
      const crd = readFileSync(new URL(`../../crds/${kind}.yaml`, import.meta.url), 'utf8')
      const [, schema] = crd.split(new RegExp(`^ +${field}:$`, 'm'))
      return Number(/maxItems: (\d+)/.exec(schema ?? '')?.[1])
    }
    const [nics, addresses, volumes] = [
      most('instances', 'networks'),
      most('ports', 'fixedIPs'),
      most('instances', 'volumes'),
    ]
    expect([nics, addresses, volumes]).toEqual([16, 8, 24])
    const large = { ...nic, addresses: list(addresses, '10.0.0.1') }
    // A machine may still have what it no longer names.
    const facts = { nics: list(nics, large), volumesAttached: list(2 * volumes, UID) }
    expect(takes(ObservedDocument, { ...observed, facts })).toBe(true)
  })

  const long = 'x'.repeat(5000)
  test.each<[string, z.ZodType, unknown, string, number]>([
    ['message', ObservedDocument, observed, 'error.message', 4096],
    ['message of a refusal', ObservedDocument, observed, 'refused.message', 4096],
    ['hypervisor', ObservedDocument, observed, 'facts.hypervisor', 128],
    ['change that waits', ObservedDocument, observed, 'facts.pendingChanges.0', 128],
    ['word on an orphan', ObservedDocument, observed, 'facts.orphans.0.what', 253],
    ['name of what was not listed', ObservedDocument, observed, 'facts.unlisted.0.what', 253],
    ['reason for that', ObservedDocument, observed, 'facts.unlisted.0.message', 1024],
    ['version', Inventory, inventory, 'agentVersion', 64],
    ['type of a hypervisor', Inventory, inventory, 'hypervisor.type', 64],
    ['version of a hypervisor', Inventory, inventory, 'hypervisor.version', 64],
    ['word on acceleration', Inventory, inventory, 'hypervisor.accelerationReason', 1024],
    ['version of DPDK', Inventory, inventory, 'dpdk.version', 64],
    ['version of the switch', Inventory, inventory, 'ovs.version', 64],
    ['error of a physical network', Inventory, inventory, 'physicalNetworks.0.error', 512],
    ['warning of a physical network', Inventory, inventory, 'physicalNetworks.0.warning', 512],
    ['address of a name server', Inventory, inventory, 'resolver.upstreams.0.address', 64],
    ['time of a name server', Inventory, inventory, 'resolver.upstreams.0.since', 32],
    ['time of a resolver', Inventory, inventory, 'resolver.awaySince', 32],
    ['error of a name server', Inventory, inventory, 'resolver.upstreams.0.error', 256],
    ['name of a ProviderNetwork', Inventory, inventory, 'resolver.ofProviderNetworks.0.providerNetwork', 253],
    [
      'error of a name server of a ProviderNetwork',
      Inventory,
      inventory,
      'resolver.ofProviderNetworks.0.upstreams.0.error',
      256,
    ],
    ['error of a pool', Inventory, inventory, 'pools.0.error', 1024],
  ])('a %s is cut', (_, schema, value, path, length) => {
    const at = (of: unknown) => path.split('.').reduce((o, step) => (o as Record<string, unknown>)[step], of)
    expect(at(schema.parse(withAt(value, path, long)))).toBe(long.slice(0, length))
  })
})
