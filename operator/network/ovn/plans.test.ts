// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { METADATA_ADDRESS, metadataMac } from '../../../lib/contract/metadata-port.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { guestMtu } from '../guest-mtu.ts'
import type { LogicalNetwork, LogicalPort, LogicalSubnet } from '../logical-kinds.ts'
import { normalAddress, normalPrefix } from './addresses.ts'
import { groupName } from './group-match.ts'
import { planNetwork } from './network-plan.ts'
import { dhcpOptions, planSubnet } from './subnet-plan.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'
import { planPort } from './port-plan.ts'
import { compareTerms, readTerm } from './term.ts'
import { mapOf, readMap, setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { markOf, partMark } from './marks.ts'

const owner = { uid: 'u1', namespace: 'ns', name: 'n', generation: 1 }

describe('addresses', () => {
  test.each([
    ['10.1.2.3', '10.1.2.3/32'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['FD00::1/64', 'fd00::/64'],
  ])('%s is the prefix %s', (text, prefix) => expect(normalPrefix(text)).toBe(prefix))
  test.each(['010.0.0.1', '0x0a.0.0.1', '10.1', '1.2.3.4 ', '', '1.2.3.4"', '1.2.3.4/8/8', '1.2.3.4/-1', '1.2.3.4/'])(
    'refuses %j',
    (text) => {
      expect(() => (text.includes('/') ? normalPrefix(text) : normalAddress(text))).toThrow(TerminalError)
    },
  )
  test('the metadata port of each network has its own local unicast address', () => {
    expect(metadataMac('a')).toMatch(/^2e(:[0-9a-f]{2}){5}$/)
    expect(metadataMac('a')).not.toBe(metadataMac('b'))
  })
  test.each([
    [1500, undefined, 1442],
    [1500, 1400, 1400],
    [9000, 9000, 8942],
  ])('underlay %i, asked %s: guests get %i', (underlay, asked, mtu) => expect(guestMtu(underlay, asked)).toBe(mtu))
})

describe('dhcpOptions', () => {
  const subnet = { ...owner, networkUid: 'net', cidr: '10.0.0.0/24', mtu: 1442, gatewayIP: '10.0.0.1' }
  const dhcp = {
    leaseSeconds: 3600,
    dnsNameservers: ['1.1.1.1', 'fd00::1', '8.8.8.8'],
    hostRoutes: [{ destination: '192.168.0.0/16', nextHop: '10.0.0.9' }],
  }
  test('with everything', () => {
    expect(dhcpOptions(subnet, { ...dhcp, domainName: 'example.org' })).toEqual({
      server_id: METADATA_ADDRESS,
      server_mac: metadataMac('net'),
      lease_time: '3600',
      mtu: '1442',
      router: '10.0.0.1',
      dns_server: '{1.1.1.1, 8.8.8.8}',
      domain_name: '"example.org"',
      classless_static_route: '{169.254.169.254/32,0.0.0.0, 192.168.0.0/16,10.0.0.9, 0.0.0.0/0,10.0.0.1}',
    })
  })
  test('without gateway and names: no default route', () => {
    const { gatewayIP, ...alone } = subnet
    expect(gatewayIP).toBeDefined()
    const options = dhcpOptions(alone, { ...dhcp, dnsNameservers: [], hostRoutes: [] })
    expect(options['classless_static_route']).toBe('{169.254.169.254/32,0.0.0.0}')
    expect(Object.keys(options)).not.toEqual(expect.arrayContaining(['router']))
    expect(Object.keys(options)).not.toEqual(expect.arrayContaining(['dns_server']))
  })
  test.each(['a"b', 'a b', '-a', '{x}', ''.padEnd(300, 'a')])('refuses the domain %j', (domainName) => {
    expect(() => dhcpOptions(subnet, { ...dhcp, domainName })).toThrow(TerminalError)
  })
})

describe('planSubnet of IPv6', () => {
  const network = { name: 'net', ports: setOf([]), external_ids: markOf({ kind: 'Network', ...owner, uid: 'net' }) }
  const nb = new Northbound((table) => new Map(table === 'Logical_Switch' ? [['ls', network]] : []), PLANNERS)
  const subnet: LogicalSubnet = {
    kind: 'Subnet',
    ...owner,
    networkUid: 'net',
    cidr: 'fd00::/64',
    mtu: 1442,
    gatewayIP: 'fd00::1',
    dhcp: { leaseSeconds: 60, dnsNameservers: ['10.0.0.2', 'fd00::2', 'fd00::3'], hostRoutes: [], domainName: 'x.org' },
    ipv6: { addressMode: 'dhcpv6-stateful', routerAdvertisements: true },
  }
  const inserted = (want: LogicalSubnet, table: string) =>
    planSubnet(want, nb).operations.flatMap((o) => (o.op === 'insert' && o.table === table ? [o.row] : []))[0]
  test.each([
    ['dhcpv6-stateful', 'dhcpv6_stateful', {}],
    ['dhcpv6-stateless', 'dhcpv6_stateless', { dhcpv6_stateless: 'true' }],
    ['slaac', 'slaac', { dhcpv6_stateless: 'true' }],
  ] as const)('%s', (addressMode, word, more) => {
    const want: LogicalSubnet = { ...subnet, ipv6: { addressMode, routerAdvertisements: true } }
    expect(readMap(inserted(want, 'DHCP_Options')?.['options'])).toEqual({
      server_id: metadataMac('net'),
      dns_server: '{fd00::2, fd00::3}',
      domain_search: '"x.org"',
      ...more,
    })
    const port = inserted(want, 'Logical_Router_Port')
    expect(port?.['networks']).toEqual(setOf(['fd00::1/64']))
    expect(readMap(port?.['ipv6_ra_configs'])).toMatchObject({ address_mode: word, mtu: '1442', rdnss: 'fd00::2' })
    // OVN joins the two ends by these names, which must differ.
    const end = inserted(want, 'Logical_Switch_Port')
    expect(readMap(end?.['options'])['router-port']).toBe(port?.['name'])
    expect(end?.['name']).not.toBe(port?.['name'])
  })
  test('announced by others: options alone', () => {
    const want: LogicalSubnet = { ...subnet, ipv6: { addressMode: 'slaac', routerAdvertisements: false } }
    expect(planSubnet(want, nb).summary()).toBe('insert DHCP_Options')
  })
  test('by hand: no rows at all', () => {
    const { ipv6, ...byHand } = subnet
    expect(ipv6).toBeDefined()
    expect(planSubnet(byHand, nb).operations).toEqual([])
  })
})

describe('planNetwork', () => {
  const network: LogicalNetwork = { kind: 'Network', ...owner, uid: 'net', mtu: 1442 }
  const nb = (...ports: OvsRow[]) => {
    const switches = {
      ...{ name: 'net', ports: setOf(ports.map((_, i) => uuidOf(`p${i}`))), external_ids: markOf(network) },
      dns_records: setOf([uuidOf('names')]),
    }
    const names = { records: mapOf({}), options: mapOf({}), external_ids: partMark('Names', 'net') }
    const rows = (all: OvsRow[]) => new Map(all.map((row, i) => [`p${i}`, row]))
    return new Northbound(
      (table) =>
        table === 'Logical_Switch'
          ? new Map([['ls', switches]])
          : table === 'Logical_Switch_Port'
            ? rows(ports)
            : new Map(table === 'DNS' ? [['names', names]] : []),
      PLANNERS,
    )
  }
  const inserted = (want: LogicalNetwork) =>
    planNetwork(want, nb()).operations.flatMap((o) =>
      o.op === 'insert' && o.table === 'Logical_Switch_Port' ? [o.row] : [],
    )
  test.each<[LogicalNetwork['provider'], object[]]>([
    [undefined, []],
    [
      { physicalNetwork: 'phys' },
      [
        {
          name: 'localnet-net',
          type: 'localnet',
          addresses: setOf(['unknown']),
          options: mapOf({ network_name: 'phys' }),
          tag: setOf([]),
        },
      ],
    ],
    [{ physicalNetwork: 'phys', vlan: 7 }, [{ name: 'localnet-net', tag: setOf([7]), tag_request: setOf([]) }]],
  ])('on the physical network %j', (provider, ports) => {
    expect(inserted({ ...network, ...(provider ? { provider } : {}) })).toMatchObject([
      { type: 'localport', tag: setOf([]) },
      ...ports,
    ])
  })
  test('what leads to a physical network that it is no longer on is taken off', () => {
    const [metadata, localnet] = inserted({ ...network, provider: { physicalNetwork: 'phys' } })
    expect(planNetwork(network, nb(metadata!, localnet!)).operations).toEqual([
      {
        ...{ op: 'mutate', table: 'Logical_Switch', where: [['ports', 'includes', setOf([uuidOf('p1')])]] },
        mutations: [['ports', 'delete', setOf([uuidOf('p1')])]],
      },
    ])
  })
})

describe('planPort', () => {
  const tables = new Map<string, Map<string, OvsRow>>([
    [
      'Logical_Switch',
      new Map([
        ['ls', { name: 'net', ports: setOf([]), external_ids: markOf({ kind: 'Network', ...owner, uid: 'net' }) }],
      ]),
    ],
    [
      'DHCP_Options',
      new Map([
        [
          'dh',
          { cidr: '10.0.0.0/24', options: mapOf({}), external_ids: markOf({ kind: 'Subnet', ...owner, uid: 'sub' }) },
        ],
      ]),
    ],
  ])
  const nb = new Northbound((table) => tables.get(table) ?? new Map(), PLANNERS)
  const port: LogicalPort = {
    kind: 'Port',
    ...owner,
    uid: 'p1',
    networkUid: 'net',
    mac: 'FA:16:3e:00:00:01',
    fixedIPs: [{ subnetUid: 'sub', address: '10.0.0.5', hasDhcp: true }],
    node: 'n1',
    portSecurityEnabled: true,
    securityGroupUids: ['g-1'],
    isShared: false,
    allowedAddressPairs: [{ ipAddress: '10.0.0.50' }, { ipAddress: '10.9.0.0/16', macAddress: '02:00:00:00:00:01' }],
  }
  const rowOf = (want: LogicalPort): OvsRow => {
    const insert = planPort(want, nb).operations.find((o) => o.op === 'insert' && o.table === 'Logical_Switch_Port')
    return insert?.op === 'insert' ? insert.row : {}
  }
  test('of a subport: by whose interface, with which tag', () => {
    expect(rowOf(port)).toMatchObject({ parent_name: setOf([]), tag: setOf([]), tag_request: setOf([]) })
    const subport = rowOf({ ...port, parent: { portUid: 'p0', vlan: 100 } })
    expect(subport).toMatchObject({ type: '', parent_name: setOf(['p0']), tag: setOf([100]), tag_request: setOf([]) })
    expect(subport['options']).toEqual(mapOf({ 'requested-chassis': 'n1' }))
  })
  test('guarded: addresses, security, DHCP, chassis, groups', () => {
    const row = rowOf(port)
    // A pair has a MAC of its own: what is for it comes as what is for a MAC that no port is known by.
    expect(row['addresses']).toEqual(setOf(['fa:16:3e:00:00:01 10.0.0.5', 'unknown']))
    expect(row['port_security']).toEqual(
      setOf(['fa:16:3e:00:00:01 10.0.0.5 10.0.0.50', '02:00:00:00:00:01 10.9.0.0/16']),
    )
    expect(row['dhcpv4_options']).toEqual(setOf([uuidOf('dh')]))
    expect(row['options']).toEqual(mapOf({ 'requested-chassis': 'n1' }))
    const joined = planPort(port, nb).operations.flatMap((o) =>
      o.op === 'mutate' && o.table === 'Port_Group' ? [o.where[0]?.[2]] : [],
    )
    expect(joined).toEqual(['nephele_guard', groupName('g-1')])
  })
  test('unguarded: unknown addresses pass, no groups; unplaced: no chassis may bind', () => {
    const { node, ...unplaced } = port
    expect(node).toBe('n1')
    const row = rowOf({ ...unplaced, portSecurityEnabled: false })
    expect(row['addresses']).toEqual(setOf(['fa:16:3e:00:00:01 10.0.0.5', 'unknown']))
    expect(row['port_security']).toEqual(setOf([]))
    expect(row['options']).toEqual(mapOf({ 'requested-chassis': '-' }))
    expect(planPort({ ...port, portSecurityEnabled: false }, nb).summary()).not.toContain('Port_Group')
  })
  test('an address that others may speak for is not answered for', () => {
    const row = rowOf({ ...port, allowedAddressPairs: [], isShared: true })
    expect(row['addresses']).toEqual(setOf(['fa:16:3e:00:00:01 10.0.0.5', 'unknown']))
    expect(row['port_security']).toEqual(setOf(['fa:16:3e:00:00:01 10.0.0.5']))
    expect(rowOf({ ...port, allowedAddressPairs: [{ ipAddress: '10.0.0.50' }] })['addresses']).toEqual(
      setOf(['fa:16:3e:00:00:01 10.0.0.5']),
    )
  })
  test('with options of its own: a row of its own, of what its subnet says and these', () => {
    const subnet: LogicalSubnet = {
      ...{ kind: 'Subnet', ...owner, uid: 'sub', networkUid: 'net', cidr: '10.0.0.0/24', mtu: 1442 },
      dhcp: { leaseSeconds: 60, dnsNameservers: ['10.0.0.2'], hostRoutes: [] },
    }
    const options = [
      { name: 'dns-server', value: '10.0.0.9' },
      { name: 'ntp-server', value: '10.0.0.8' },
    ]
    const want: LogicalPort = { ...port, extraDhcp: [{ subnet, options }] }
    const { operations } = planPort(want, nb)
    const made = operations.flatMap((o) => (o.op === 'insert' && o.table === 'DHCP_Options' ? [o] : []))
    expect(made.map(({ row }) => readMap(row['options']))).toEqual([
      { ...dhcpOptions(subnet, subnet.dhcp!), dns_server: '{10.0.0.9}', ntp_server: '{10.0.0.8}' },
    ])
    expect(made[0]?.row['external_ids']).toEqual(partMark('PortDHCP', 'p1'))
    expect(rowOf(want)['dhcpv4_options']).toEqual(setOf([['named-uuid', made[0]?.['uuid-name'] ?? '']]))
    const { dhcp, ...silent } = subnet
    expect(dhcp).toBeDefined()
    expect(rowOf({ ...port, extraDhcp: [{ subnet: silent, options }] })['dhcpv4_options']).toEqual(
      setOf([uuidOf('dh')]),
    )
  })
  test('virtual: its parents on as many nodes as may claim it', () => {
    const { node, ...free } = port
    expect(node).toBe('n1')
    const parents = Array.from({ length: 10 }, (_, i) => ({ portUid: `p${i}`, node: `n${i}` }))
    const row = rowOf({
      ...free,
      isShared: true,
      virtual: { address: '10.0.0.5', parents: [...parents, { portUid: 'q', node: 'n0' }] },
    })
    expect(row).toMatchObject({ type: 'virtual', addresses: setOf(['fa:16:3e:00:00:01 10.0.0.5']) })
    expect(readMap(row['options'])).toEqual({
      'virtual-ip': '10.0.0.5',
      'virtual-parents': 'p0,p1,p2,p3,p4,p5,p6,p7,q',
    })
    expect(readMap(row['external_ids'])).toMatchObject({ nephele_parent_1: 'n0', nephele_parent_8: 'n7' })
    expect(Object.keys(readMap(row['external_ids']))).not.toContain('nephele_former')
  })
  test('waits for its network', () =>
    expect(() => planPort({ ...port, networkUid: 'no' }, nb)).toThrow('network no is not in OVN yet'))
  test('waits for its subnet, unless that has no DHCP', () => {
    const on = (hasDhcp: boolean): LogicalPort => ({
      ...port,
      fixedIPs: [{ subnetUid: 'no', address: '10.0.0.5', hasDhcp }],
    })
    expect(() => planPort(on(true), nb)).toThrow('subnet no is not in OVN yet')
    expect(rowOf(on(false))['dhcpv4_options']).toEqual(setOf([]))
  })
})

describe('terms', () => {
  test('a newer incarnation wins over any term', () => {
    expect(compareTerms({ incarnation: 2, term: 0 }, { incarnation: 1, term: 99 })).toBeGreaterThan(0)
    expect(compareTerms({ incarnation: 1, term: 9 }, { incarnation: 1, term: 10 })).toBeLessThan(0)
  })
  test.each([
    ['1.2', { incarnation: 1, term: 2 }],
    ['x', undefined],
    ['1', undefined],
    ['1.2.3', undefined],
  ])('%s', (text, term) => {
    expect(readTerm({ external_ids: mapOf({ nephele_term: text }) })).toEqual(term)
  })
})
