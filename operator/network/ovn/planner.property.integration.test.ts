// SPDX-License-Identifier: Apache-2.0
// Whatever somebody left in the northbound database, one plan a resource leads to what is wished, and a second has nothing to write.
// On a real server, so that references, indexes and the collection of rows are the database's own.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../../lib/time/until.ts'
import { OvsdbClient } from '../../../lib/ovsdb/client.ts'
import { OvsdbError } from '../../../lib/ovsdb/errors.ts'
import type { Operation } from '../../../lib/ovsdb/operations.ts'
import { createDatabase, ovsPrograms, startOvsdbServer, type TestServer } from '../../../lib/ovsdb/test-server.ts'
import {
  canonical,
  mapOf,
  readMap,
  readString,
  readUuids,
  setOf,
  uuidOf,
  type OvsRow,
} from '../../../lib/ovsdb/values.ts'
import type { LogicalPort, LogicalWant, RoutedSubnet } from '../logical-kinds.ts'
import { readMark } from './marks.ts'
import { Northbound } from './northbound.ts'
import { NORTHBOUND_TABLES, type NorthboundTable } from './northbound-tables.ts'
import { OvnNetworkDriver } from './ovn-network-driver.ts'
import { PLANNERS, planWant } from './planners.ts'
import { driftOf, ensureAll, removeExtra } from './testing/drift.ts'
import { rowVersions } from './testing/row-versions.ts'

const RUNS = 60
const soon = (): AbortSignal => AbortSignal.timeout(20_000)
const owner = { namespace: 'ns', name: 'x', generation: 1 }
const dhcp = {
  ...{ leaseSeconds: 60, dnsNameservers: ['10.0.0.2', 'fd00::2'], domainName: 'cloud.example' },
  hostRoutes: [{ destination: '198.51.100.0/24', nextHop: '10.0.0.9' }],
}
/** Of a Port, on a network that another router joins. */
const SECOND_LEG = {
  ...{ guarded: true, senders: ['fd00:2::/64', '10.0.0.77/32'] },
  ...{ uid: 'port-leg', networkUid: 'net-1', mac: 'fa:16:3e:00:00:77', mtu: 1442 },
  addresses: [{ address: '10.0.0.77', cidr: '10.0.0.0/24' }],
}
const SUB_2: RoutedSubnet = {
  ...{ kind: 'Subnet', ...owner, uid: 'sub-2', networkUid: 'net-2', cidr: '10.0.2.0/24', mtu: 1442, dhcp },
  ...{ gatewayIP: '10.0.2.1', alsoAnswers: ['10.0.2.100'] },
}
const SUB_62: RoutedSubnet = {
  ...{ ...SUB_2, uid: 'sub-62', cidr: 'fd00:2::/64', gatewayIP: 'fd00:2::1' },
  ipv6: { addressMode: 'slaac', routerAdvertisements: true },
}
const OWN_DHCP: LogicalPort['extraDhcp'] = [
  { subnet: { ...SUB_2, uid: 'sub-4', cidr: '10.0.0.0/24' }, options: [{ name: 'ntp-server', value: '10.0.0.8' }] },
  { subnet: { ...SUB_62, uid: 'sub-6', cidr: 'fd00::/64' }, options: [{ name: 'dns-server', value: 'fd00::9' }] },
]
const WORLD: readonly LogicalWant[] = [
  { kind: 'Network', ...owner, uid: 'net-1', mtu: 1442, provider: { physicalNetwork: 'phys', vlan: 7 } },
  { kind: 'Network', ...owner, uid: 'net-2', mtu: 1442 },
  { kind: 'Network', ...owner, uid: 'net-ext', mtu: 1500 },
  {
    ...{ kind: 'Subnet', ...owner, uid: 'sub-4', networkUid: 'net-1', cidr: '10.0.0.0/24', mtu: 1442, dhcp },
    gatewayIP: '10.0.0.1',
  },
  {
    ...{ kind: 'Subnet', ...owner, uid: 'sub-6', networkUid: 'net-1', cidr: 'fd00::/64', mtu: 1442, dhcp },
    gatewayIP: 'fd00::1',
    ipv6: { addressMode: 'dhcpv6-stateful', routerAdvertisements: true },
  },
  SUB_2,
  {
    ...{ kind: 'Router', ...owner, uid: 'router-1' },
    interfaces: [
      { ...SUB_2, guarded: true },
      { ...SUB_2, uid: 'sub-4', networkUid: 'net-1', cidr: '10.0.0.0/24', gatewayIP: '10.0.0.1' },
    ],
    ports: [],
    routes: [
      { destination: '192.168.0.0/16', nextHop: '10.0.0.9' },
      { destination: '192.168.0.0/16', nextHop: '10.0.2.9' },
      { destination: '0.0.0.0/0', nextHop: '203.0.113.2', bfd: true },
      { destination: '0.0.0.0/0', nextHop: '203.0.113.3', bfd: true },
      { destination: '198.51.100.0/24', nextHop: '203.0.113.3', bfd: true },
    ],
    gateway: {
      ...{ networkUid: 'net-ext', mac: '2e:00:00:00:00:01', mtu: 1500, nodes: ['n1', 'n2', 'n3'] },
      addresses: [
        { address: '203.0.113.10', prefixLength: 24 },
        { address: 'fd00:e::10', prefixLength: 64 },
      ],
      ...{ nextHops: ['203.0.113.1', 'fd00:e::1'], snatAddress: '203.0.113.10', withoutSNAT: ['10.0.2.0/24'] },
    },
  },
  { kind: 'Router', ...owner, uid: 'router-2', interfaces: [SUB_62], ports: [SECOND_LEG], routes: [] },
  {
    ...{ kind: 'FloatingIP', ...owner, uid: 'fip-1', routerUid: 'router-1' },
    ...{ externalAddress: '203.0.113.11', fixedAddress: '10.0.0.11' },
  },
  {
    ...{ kind: 'FloatingIP', ...owner, uid: 'fip-2', routerUid: 'router-1' },
    ...{ externalAddress: '203.0.113.12', fixedAddress: '10.0.0.12' },
    distributed: { portUid: 'port-2', mac: '2e:00:00:00:00:02' },
  },
  {
    ...{ kind: 'PortForwarding', ...owner, uid: 'fip-3', routerUid: 'router-1', networkUids: ['net-1', 'net-2'] },
    externalAddress: '203.0.113.13',
    forwardings: [
      { protocol: 'tcp', externalPort: 2222, internalPort: 22, count: 1, fixedAddress: '10.0.0.11' },
      { protocol: 'udp', externalPort: 5000, internalPort: 6000, count: 3, fixedAddress: '10.0.0.12' },
    ],
  },
  {
    ...{ kind: 'FirewallGroup', ...owner, uid: 'wall' },
    ports: [
      { routerUid: 'router-1', legUid: 'sub-2', addresses: ['10.0.2.1'] },
      { routerUid: 'router-2', legUid: 'sub-62', addresses: ['fd00:2::1'] },
      { routerUid: 'router-2', legUid: SECOND_LEG.uid, mac: SECOND_LEG.mac, addresses: ['10.0.0.77'] },
    ],
    ingress: [
      { action: 'reject', etherType: 'IPv4', protocol: 'icmp', source: {}, destination: {} },
      {
        ...{ action: 'allow', etherType: 'IPv4', protocol: 'tcp', source: { prefix: '203.0.113.0/24' } },
        destination: { prefix: '10.0.2.0/24', ports: [80, 89] },
      },
    ],
    egress: [],
  },
  {
    ...{ kind: 'QoS', ...owner, uid: 'port-1', networkUid: 'net-1', target: { what: 'port', portUid: 'port-1' } },
    ...{ egress: { maxKbps: 10_000, burstKb: 5_000 }, ingress: { maxKbps: 20_000, burstKb: 10_000 }, dscp: 46 },
  },
  {
    ...{ kind: 'QoS', ...owner, uid: 'fip-2', networkUid: 'net-ext', egress: { maxKbps: 1_000, burstKb: 500 } },
    target: { what: 'floatingIP', routerUid: 'router-1', address: '203.0.113.20' },
  },
  {
    ...{ kind: 'SecurityGroup', ...owner, uid: 'sg-1' },
    rules: [
      { direction: 'ingress', etherType: 'IPv4', protocol: 'tcp', remoteGroupUid: 'sg-2' },
      { direction: 'ingress', etherType: 'IPv6', protocol: 47, remoteAddressGroupUid: 'ag' },
      {
        ...{ index: 2, direction: 'egress', etherType: 'IPv4', protocol: 'udp', remoteIPPrefix: '192.0.2.0/24' },
        ...{ portRangeMin: 53, portRangeMax: 59 },
      },
      { direction: 'ingress', etherType: 'IPv4', protocol: 'icmp', icmpType: 3, icmpCode: 4 },
    ],
    log: { accepted: true, dropped: true, perSecond: 10 },
  },
  { kind: 'AddressGroup', ...owner, uid: 'ag', addresses: ['192.0.2.0/24', '::/0', 'fd00:7::/48'] },
  { kind: 'SecurityGroup', ...owner, uid: 'sg-2', stateless: true, rules: [] },
  ...[1, 2, 3, 4, 5].map((n): LogicalWant => ({
    ...{ kind: 'Port', ...owner, uid: `port-${n}`, networkUid: n === 3 ? 'net-2' : 'net-1' },
    mac: `fa:16:3e:00:00:0${n}`,
    fixedIPs:
      n === 3
        ? []
        : [
            { subnetUid: 'sub-4', address: `10.0.0.1${n}`, hasDhcp: true },
            { subnetUid: 'sub-6', address: `fd00::1${n}`, hasDhcp: true },
          ],
    // The last one is a virtual function of a machine.
    ...(n > 3 ? { servedBy: ['n1', 'n2'] } : n === 2 ? {} : { node: 'n1' }),
    ...(n === 5 ? { hostname: 'fast' } : {}),
    ...(n === 3 ? { parent: { portUid: 'port-1', vlan: 100 } } : {}),
    portSecurityEnabled: n !== 3 && n !== 5,
    ...(n === 3 ? {} : { dnsName: `vm-${n}.example` }),
    securityGroupUids: n === 1 ? ['sg-1', 'sg-2'] : n === 2 ? ['sg-1'] : [],
    allowedAddressPairs: n === 1 ? [{ ipAddress: '10.0.0.48/28', macAddress: 'fa:16:3e:00:00:50' }] : [],
    isShared: false,
    ...(n === 2
      ? { extraDhcp: OWN_DHCP, virtual: { address: '10.0.0.12', parents: [{ portUid: 'port-1', node: 'n1' }] } }
      : {}),
  })),
  {
    ...{ kind: 'ServicePort', ...owner, uid: 'lb', networkUid: 'net-2' },
    ports: ['n1', 'n2'].map((node, i) => ({
      ...{ node, addresses: [`10.0.2.10${i + 1}`], alsoSpeaksFor: ['10.0.2.103'] },
    })),
  },
  {
    ...{ kind: 'VPNService', ...owner, uid: 'vpn', routerUid: 'router-1', node: 'n1' },
    peerCIDRs: ['172.16.0.0/24', '172.17.0.0/16', 'fd00:ac::/64'],
  },
  {
    ...{ kind: 'LoadBalancer', ...owner, uid: 'lb', routerUid: 'router-1', networkUids: ['net-1', 'net-2'] },
    ...{ addresses: ['10.0.2.100'], externalAddresses: ['203.0.113.14'] },
    listeners: [
      {
        ...{ protocol: 'tcp', port: 80, affinitySeconds: 60 },
        members: [{ address: '10.0.0.11', port: 8080, portUid: 'port-1', probeSource: '10.0.0.200' }],
        monitor: { intervalSeconds: 5, timeoutSeconds: 3, successThreshold: 1, failureThreshold: 2 },
      },
      { protocol: 'udp', port: 53, members: [] },
    ],
  },
]
/** Columns that name rows of other tables, which go with them. */
const PARTS: readonly string[] = [
  'ports',
  'dns_records',
  'acls',
  'static_routes',
  'policies',
  'nat',
  'load_balancer',
  'qos_rules',
  'health_check',
  'gateway_chassis',
]
const ROOTS = [
  ...['Logical_Switch', 'Logical_Router', 'BFD', 'DHCP_Options', 'DNS', 'Port_Group', 'Address_Set', 'Load_Balancer'],
] as const
/** Tables of rows that are a resource's own: those of their parts are never listed. */
const OWNED: readonly string[] = [
  'Logical_Switch',
  'Logical_Router',
  'DHCP_Options',
  'Port_Group',
  'Address_Set',
  'Load_Balancer',
]
const WHOLE_TABLES = Object.fromEntries(
  Object.entries(NORTHBOUND_TABLES).map(([table, { columns }]) => [table, { columns }]),
)

let dir: string
let server: TestServer
let raw: OvsdbClient
let driver: OvnNetworkDriver

beforeAll(async () => {
  const programs = await ovsPrograms()
  dir = await mkdtemp(join(tmpdir(), 'ovn-property-'))
  const file = join(dir, 'nb.db')
  await createDatabase(programs, file, 'usr/share/ovn/ovn-nb.ovsschema')
  server = await startOvsdbServer(programs, dir, 'nb', [file])
  const remotes = [{ transport: 'unix', path: server.socket } as const]
  raw = new OvsdbClient({ database: 'OVN_Northbound', remotes, tables: WHOLE_TABLES })
  raw.start(new AbortController().signal)
  await raw.transact([{ op: 'insert', table: 'NB_Global', row: {} }], soon())
  driver = new OvnNetworkDriver({ remotes, namesEveryMs: 0 })
  driver.start(new AbortController().signal)
  await driver.claimTerm(1, 1, soon())
}, 180_000)
afterAll(async () => {
  await driver?.close()
  await raw?.close()
  await server?.stop()
  await rm(dir, { recursive: true, force: true })
})

const rows = (table: string) => [...raw.rows(table)]

/** By names: what two ways to the same world must share. Rows without our mark are others' and stay out of it. */
async function picture(): Promise<unknown> {
  await raw.transact([{ op: 'comment', comment: 'sync' }], soon())
  const isOurs = ([, row]: [string, OvsRow]) => readMap(row['external_ids'])['nephele_kind'] !== undefined
  // ovsdb-server 3.5 may keep a weak reference to a row that it collected in the same transaction; no client sees anything there.
  const name = (table: string, uuid: string) => readString(raw.rows(table).get(uuid)?.['name']) ?? []
  const text = (row: OvsRow, ...but: string[]) =>
    Object.entries(row)
      .filter(([column]) => !but.includes(column))
      .map(([column, value]) => `${column}=${canonical(value)}`)
      .sort()
      .join(' ')
  const options = (row: OvsRow, column: string) =>
    readUuids(row[column]).map((uuid) => readString(raw.rows('DHCP_Options').get(uuid)?.['cidr']))
  const ported = (table: string, ports: string) =>
    rows(table)
      .filter(isOurs)
      .map(([, row]) => [
        text(row, ...PARTS),
        readUuids(row['dns_records'])
          .map((uuid): [string, OvsRow] => [uuid, raw.rows('DNS').get(uuid) ?? {}])
          .filter(isOurs)
          .map(([, names]) => text(names)),
        readUuids(row['ports'])
          .flatMap((uuid) => name(ports, uuid))
          .sort(),
      ])
      .sort()
  const switched = new Set(
    rows('Logical_Switch')
      .filter(isOurs)
      .flatMap(([, row]) => readUuids(row['ports'])),
  )
  return {
    switches: ported('Logical_Switch', 'Logical_Switch_Port'),
    routers: ported('Logical_Router', 'Logical_Router_Port'),
    routerPorts: rows('Logical_Router_Port')
      .filter(isOurs)
      .map(([, row]) => [
        text(withoutFormer(row), 'gateway_chassis'),
        readUuids(row['gateway_chassis'])
          .map((uuid) => text(raw.rows('Gateway_Chassis').get(uuid) ?? {}))
          .sort(),
      ])
      .sort(),
    translations: rows('Logical_Router')
      .filter(isOurs)
      .map(([, row]) => [
        readString(row['name']),
        readUuids(row['nat'])
          .map((uuid) => text(raw.rows('NAT').get(uuid) ?? {}))
          .sort(),
      ])
      .sort(),
    routes: rows('Logical_Router')
      .filter(isOurs)
      .map(([, row]) => [
        readString(row['name']),
        readUuids(row['static_routes'])
          .map((uuid) => raw.rows('Logical_Router_Static_Route').get(uuid) ?? {})
          .map((row) => [
            text(row, 'bfd'),
            readUuids(row['bfd']).map((session) => text(raw.rows('BFD').get(session) ?? {})),
          ])
          .sort(),
      ])
      .sort(),
    senders: rows('Logical_Router')
      .filter(isOurs)
      .map(([, row]) => [
        readString(row['name']),
        readUuids(row['policies'])
          .map((uuid) => text(raw.rows('Logical_Router_Policy').get(uuid) ?? {}))
          .sort(),
      ])
      .sort(),
    nextHops: rows('BFD')
      .filter(isOurs)
      .map(([, row]) => text(row))
      .sort(),
    balancers: rows('Load_Balancer')
      .filter(isOurs)
      .map(([uuid, row]) => [
        text(row, 'health_check'),
        readUuids(row['health_check'])
          .map((one) => text(raw.rows('Load_Balancer_Health_Check').get(one) ?? {}))
          .sort(),
        (['Logical_Router', 'Logical_Switch'] as const).map((table) =>
          rows(table)
            .filter(([, holder]) => readUuids(holder['load_balancer']).includes(uuid))
            .map(([, holder]) => readString(holder['name']))
            .sort(),
        ),
      ])
      .sort(),
    addressSets: rows('Address_Set')
      .filter(isOurs)
      .map(([, row]) => text(row))
      .sort(),
    groups: ported('Port_Group', 'Logical_Switch_Port'),
    rules: rows('Port_Group')
      .filter(isOurs)
      .map(([, row]) =>
        readUuids(row['acls'])
          .map((uuid) => text(raw.rows('ACL').get(uuid) ?? {}))
          .sort(),
      )
      .sort(),
    limits: rows('Logical_Switch')
      .filter(isOurs)
      .map(([, row]) => [
        readString(row['name']),
        readUuids(row['qos_rules'])
          .map((uuid): [string, OvsRow] => [uuid, raw.rows('QoS').get(uuid) ?? {}])
          .filter(isOurs)
          .map(([, rule]) => text(rule))
          .sort(),
      ])
      .sort(),
    dhcp: rows('DHCP_Options')
      .filter(isOurs)
      .map(([, row]) => text(row))
      .sort(),
    ports: rows('Logical_Switch_Port')
      .filter((entry) => isOurs(entry) || switched.has(entry[0]))
      .map(([, row]) => [
        text(withoutFormer(row), 'dhcpv4_options', 'dhcpv6_options', 'ha_chassis_group'),
        // One that was made anew has another uuid.
        readUuids(row['ha_chassis_group']).map((uuid) => {
          const group = raw.rows('HA_Chassis_Group').get(uuid) ?? {}
          const members = readUuids(group['ha_chassis']).map((member) => text(raw.rows('HA_Chassis').get(member) ?? {}))
          return [text(group, 'ha_chassis'), members.sort()]
        }),
        options(row, 'dhcpv4_options'),
        options(row, 'dhcpv6_options'),
      ])
      .sort(),
  }
}

/** A chassis that another hand asked for may have claimed the port: it is named until it has cleared that (port-plan.ts). */
function withoutFormer(row: OvsRow): OvsRow {
  const ids = Object.entries(readMap(row['external_ids'])).filter(([key]) => !key.startsWith('nephele_former'))
  return { ...row, external_ids: mapOf(Object.fromEntries(ids)) }
}

/** One thing that another hand does. Numbers pick; a pick that leads nowhere, or that the database refuses, does nothing. */
type Hand = { table: NorthboundTable; row: number; what: number; other: number }
const hand: fc.Arbitrary<Hand> = fc.record({
  table: fc.constantFrom(
    ...(Object.keys(NORTHBOUND_TABLES).filter((table) => table !== 'NB_Global') as NorthboundTable[]),
  ),
  row: fc.nat(20),
  what: fc.nat(20),
  other: fc.nat(20),
})

function operationsOf({ table, row: pick, what, other }: Hand): Operation[] {
  const all = rows(table)
  const found = all[pick % Math.max(1, all.length)]
  const ports = rows('Logical_Switch_Port')
  const port = ports[other % Math.max(1, ports.length)]
  const where = (uuid: string) => [['_uuid', '==', uuidOf(uuid)] as const]
  const isHolder = table === 'Logical_Switch' || table === 'Port_Group'
  if (found && table === 'Load_Balancer' && what % 8 > 3) return handOnBalancer(found[0], what, other)
  if (found && table === 'Logical_Router' && what % 8 > 3) return handOnRouter(found, what, other)
  if (!found) return []
  const [uuid, row] = found
  const columns = NORTHBOUND_TABLES[table].columns.filter((column) => !PARTS.includes(column))
  const column = columns[other % columns.length] ?? 'external_ids'
  const donor = all[other % all.length]?.[1] ?? row
  switch (what % 8) {
    case 0:
      return [{ op: 'delete', table, where: where(uuid) }]
    case 1: // A column as another row has it: names, marks, addresses, matches.
      return [{ op: 'update', table, where: where(uuid), row: { [column]: donor[column] ?? setOf([]) } }]
    case 2:
      return [{ op: 'update', table, where: where(uuid), row: { external_ids: mapOf({}) } }]
    case 3: // A copy under another name, mark included.
      return OWNED.includes(table) && readMark(row)
        ? [
            {
              op: 'insert',
              table,
              row: {
                ...without(row, ...PARTS),
                ...(row['name'] ? { name: `copy-${other}` } : {}),
              },
            },
          ]
        : []
    case 4:
    case 5: {
      if (!isHolder || !port) return []
      const mutator = what % 8 === 4 ? 'insert' : 'delete'
      return [{ op: 'mutate', table, where: where(uuid), mutations: [['ports', mutator, setOf([uuidOf(port[0])])]] }]
    }
    case 6:
      return table === 'Port_Group'
        ? [{ op: 'mutate', table, where: where(uuid), mutations: [['acls', 'delete', row['acls'] ?? setOf([])]] }]
        : []
    default: // From one switch to another.
      return table === 'Logical_Switch' && port
        ? [
            {
              ...{ op: 'mutate', table, where: [['ports', 'includes', setOf([uuidOf(port[0])])]] },
              mutations: [['ports', 'delete', setOf([uuidOf(port[0])])]],
            },
            { op: 'mutate', table, where: where(uuid), mutations: [['ports', 'insert', setOf([uuidOf(port[0])])]] },
          ]
        : []
  }
}

const ROUTER_PARTS = [
  ['ports', 'Logical_Router_Port'],
  ['static_routes', 'Logical_Router_Static_Route'],
  ['policies', 'Logical_Router_Policy'],
  ['nat', 'NAT'],
  ['load_balancer', 'Load_Balancer'],
] as const

/** Ports, routes and translations of one router in another as well, or out of it. */
function handOnRouter([uuid]: [string, OvsRow], what: number, other: number): Operation[] {
  const [column, table] = ROUTER_PARTS[other % ROUTER_PARTS.length] ?? ROUTER_PARTS[0]
  const parts = rows(table)
  const part = parts[other % Math.max(1, parts.length)]
  if (!part) return []
  const mutations = [[column, what % 8 < 6 ? 'insert' : 'delete', setOf([uuidOf(part[0])])]] as const
  return [{ op: 'mutate', table: 'Logical_Router', where: [['_uuid', '==', uuidOf(uuid)]], mutations }]
}

/** A balancer of ours on a switch more, or off all of them. */
function handOnBalancer(uuid: string, what: number, other: number): Operation[] {
  const switches = rows('Logical_Switch')
  const [holder] = switches[other % Math.max(1, switches.length)] ?? []
  if (holder === undefined) return []
  const part = setOf([uuidOf(uuid)])
  return what % 8 < 6
    ? [
        {
          ...{ op: 'mutate', table: 'Logical_Switch', where: [['_uuid', '==', uuidOf(holder)]] },
          mutations: [['load_balancer', 'insert', part]],
        },
      ]
    : [{ op: 'mutate', table: 'Logical_Switch', where: [], mutations: [['load_balancer', 'delete', part]] }]
}

function without(row: OvsRow, ...columns: string[]): OvsRow {
  return Object.fromEntries(Object.entries(row).filter(([column]) => !columns.includes(column)))
}

async function write(operations: readonly Operation[]): Promise<void> {
  if (operations.length === 0) return
  await raw.transact(operations, soon()).catch((error: unknown) => {
    if (!(error instanceof OvsdbError)) throw error
  })
}

async function empty(): Promise<void> {
  await write(ROOTS.map((table) => ({ op: 'delete', table, where: [] })))
}

/** What another hand did last is in the driver's mirror, which is another connection's. */
async function driverHears(): Promise<void> {
  const { uuid } = (await raw.transact([{ op: 'insert', table: 'Logical_Switch', row: MARKER }], soon()))[0]!
  await until(async () => (await driver.listOwned(soon())).some(({ uid }) => uid === 'marker'), 'the driver hears')
  await raw.transact([{ op: 'delete', table: 'Logical_Switch', where: [['_uuid', '==', uuid!]] }], soon())
  await until(async () => !(await driver.listOwned(soon())).some(({ uid }) => uid === 'marker'), 'and of its end')
}
const MARKER = { name: 'marker', external_ids: mapOf({ nephele_kind: 'Network', nephele_uid: 'marker' }) }

test('one plan leads from anything to the wished state, and a second is empty', async () => {
  await empty()
  await driverHears()
  await ensureAll(driver, WORLD, soon)
  const wished = await picture()
  const history = fc.array(hand, { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(history, async (hands) => {
      await empty()
      await driverHears()
      await ensureAll(driver, WORLD, soon)
      await raw.transact([{ op: 'comment', comment: 'sync' }], soon())
      for (const one of hands) await write(operationsOf(one))
      await driverHears()
      await ensureAll(driver, WORLD, soon)
      const drift = await driftOf(raw, WORLD, soon())
      expect(drift.filter(({ what }) => what !== 'extra')).toEqual([])
      await removeExtra(driver, drift, soon)
      const before = await rowVersions(raw, soon())
      await ensureAll(driver, WORLD, soon)
      expect(await rowVersions(raw, soon())).toEqual(before)
      expect(await driftOf(raw, WORLD, soon())).toEqual([])
      expect(await picture()).toEqual(wished)
    }),
    { numRuns: RUNS },
  )
}, 120_000)

/** Not OVN's: NetworkDriver of the networks of SDN controllers. */
const OF_OTHERS: readonly string[] = ['controller']

function keysOf(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, one]) => [key, ...keysOf(one)])
}

test('the world here has every field that a want may have: what is below is tried with each of them', () => {
  const source = readFileSync(join(import.meta.dirname, '../logical-kinds.ts'), 'utf8').replace(
    /\/\*[\s\S]*?\*\/|\/\/.*/g,
    '',
  )
  const [types = '', kinds = ''] = source.split('export type LogicalKind =')
  expect(kinds).not.toBe('')
  const fields = new Set([...types.matchAll(/[{;\n]\s*(\w+)\??: /g)].map(([, name]) => name ?? ''))
  const here = new Set(keysOf(WORLD))
  expect(fields.size).toBeGreaterThan(90)
  expect([...fields].filter((name) => !here.has(name) && !OF_OTHERS.includes(name))).toEqual([])
})

/** Of a want: where it has texts. */
function textsOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value === 'string') return [path]
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, one]) => textsOf(one, [...path, key]))
}

function withText<T>(value: T, [key = '', ...rest]: readonly (string | number)[], text: string): T {
  const copy = structuredClone(value) as Record<string | number, unknown>
  copy[key] = rest.length === 0 ? text : withText(copy[key], rest, text)
  return copy as T
}

/** Found in whatever a hostile text becomes. */
const STRAY = 'stray'
const HOSTILE = [
  ...[
    `1 || ${STRAY}`,
    `10.0.0.1 || ${STRAY}`,
    `" || ${STRAY} || "`,
    `$${STRAY}`,
    `@${STRAY}`,
    `{${STRAY}}`,
    `${STRAY}\\`,
  ],
  ...[`10.0.0.0/8 && ${STRAY}`, `fd00::1 ${STRAY}`, `fa:16:3e:00:00:01 ${STRAY}`, `tcp\n${STRAY}`, `a=b,${STRAY}`],
]
/** Names and marks, which OVN compares and never parses; and what the database takes of few values alone. */
const COMPARED: readonly string[] = ['name', 'external_ids', 'protocol']
/** No user's words: UIDs, and names of nodes, are Kubernetes' own. */
const isGiven = (path: readonly (string | number)[]) =>
  path.some((key) => typeof key === 'string' && /^kind$|[uU]ids?$|^nodes?$|^servedBy$|^physicalNetwork$/.test(key))

test('no text of any field of any kind gets into what OVN parses: it is refused, or written anew', async () => {
  await empty()
  await driverHears()
  await ensureAll(driver, WORLD, soon)
  await raw.transact([{ op: 'comment', comment: 'sync' }], soon())
  const nb = new Northbound((table) => raw.rows(table), PLANNERS)
  const got: string[] = []
  let planned = 0
  for (const want of WORLD) {
    for (const path of textsOf(want)) {
      if (isGiven(path)) continue
      for (const text of HOSTILE) {
        let operations: readonly Operation[] = []
        try {
          operations = planWant(want.kind, withText(want, path, text), nb).operations
        } catch {
          continue
        }
        planned++
        for (const operation of operations) {
          const columns = 'row' in operation ? Object.entries(operation.row) : []
          for (const [column, value] of columns)
            if (!COMPARED.includes(column) && JSON.stringify(value ?? null).includes(STRAY))
              got.push(`${want.kind} ${path.join('.')} = ${text}: ${column} ${JSON.stringify(value)}`)
        }
      }
    }
  }
  expect(planned).toBeGreaterThan(50)
  expect([...new Set(got)]).toEqual([])
}, 120_000)
