// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { announcerMac } from '../../../lib/contract/metadata-port.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { mapOf, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalGateway, LogicalRouter, RoutedSubnet } from '../logical-kinds.ts'
import { markOf } from './marks.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'
import { planRouter } from './router-plan.ts'

const owner = { namespace: 'ns', name: 'n', generation: 1 }
const network = { name: 'net', ports: setOf([]), external_ids: markOf({ kind: 'Network', ...owner, uid: 'net' }) }
const nb = new Northbound((table) => new Map(table === 'Logical_Switch' ? [['ls', network]] : []), PLANNERS)
const four: RoutedSubnet = {
  ...{ kind: 'Subnet', ...owner, uid: 'sub', networkUid: 'net', mtu: 1442 },
  ...{ cidr: '10.0.0.0/24', gatewayIP: '10.0.0.1' },
}
const six: RoutedSubnet = {
  ...{ ...four, uid: 'sub-6', cidr: 'FD00::/64', gatewayIP: 'FD00::1' },
  ipv6: { addressMode: 'slaac', routerAdvertisements: true },
}
const router = (interfaces: RoutedSubnet[], routes: LogicalRouter['routes'] = []): LogicalRouter => ({
  ...{ kind: 'Router', ...owner, uid: 'r' },
  ...{ interfaces, ports: [], routes },
})
const gatewayOf = (more: Partial<LogicalGateway>): LogicalGateway => ({
  ...{ networkUid: 'net', mac: '2e:00:00:00:00:01', mtu: 1500, nodes: ['n1'], nextHops: [] },
  ...{ addresses: [{ address: '203.0.113.9', prefixLength: 24 }], ...more },
})
const rowsOf = (want: LogicalRouter, table: string): OvsRow[] =>
  planRouter(want, nb).operations.flatMap((o) => (o.op === 'insert' && o.table === table ? [o.row] : []))

describe('planRouter', () => {
  test('a leg has the gateway address, and the MAC address by which guests know it; IPv6 is announced', () => {
    const legs = rowsOf(router([four, six]), 'Logical_Router_Port')
    expect(legs.map(({ mac, networks }) => [mac, networks])).toEqual([
      [announcerMac('sub'), setOf(['10.0.0.1/24'])],
      [announcerMac('sub-6'), setOf(['fd00::1/64'])],
    ])
    expect(legs.map((leg) => leg['ipv6_ra_configs'])).toEqual([
      mapOf({}),
      mapOf({ address_mode: 'slaac', send_periodic: 'true', mtu: '1442' }),
    ])
  })

  test('the switch has its end of each leg, by which OVN finds the other', () => {
    const [end] = rowsOf(router([four]), 'Logical_Switch_Port')
    const [leg] = rowsOf(router([four]), 'Logical_Router_Port')
    expect(end).toMatchObject({ type: 'router', addresses: setOf(['router']) })
    expect(end?.['options']).toEqual(mapOf({ 'router-port': String(leg?.['name']) }))
    expect(end?.['name']).not.toBe(leg?.['name'])
  })

  test('whom the users say that they do not want announced is not', () => {
    const silent = { ...six, ipv6: { addressMode: 'slaac', routerAdvertisements: false } } as const
    expect(rowsOf(router([silent]), 'Logical_Router_Port')[0]?.['ipv6_ra_configs']).toEqual(mapOf({}))
  })

  test('a port of somebody is a leg with its addresses and MAC address, and announces nothing', () => {
    const addresses = [
      { address: '10.0.0.77', cidr: '10.0.0.0/24' },
      { address: 'FD00::77', cidr: 'FD00::/64' },
    ]
    const leg = { uid: 'p', networkUid: 'net', mac: 'FA:16:3E:00:00:77', mtu: 1442, addresses }
    const want = { ...router([]), ports: [leg], gateway: gatewayOf({ snatAddress: '203.0.113.9' }) }
    const [port] = rowsOf(want, 'Logical_Router_Port')
    expect([port?.['mac'], port?.['networks'], port?.['ipv6_ra_configs'], port?.['options']]).toEqual([
      'fa:16:3e:00:00:77',
      setOf(['10.0.0.77/24', 'fd00::77/64']),
      mapOf({}),
      mapOf({ gateway_mtu: '1442' }),
    ])
    expect(rowsOf(want, 'NAT').map((row) => row['logical_ip'])).toEqual(['10.0.0.0/24'])
  })

  test('by a leg with senders goes what is of their ranges or from outside, and nothing else', () => {
    const addresses = [{ address: '10.0.0.77', cidr: '10.0.0.0/24' }]
    const leg = { uid: 'p', networkUid: 'net', mac: 'fa:16:3e:00:00:77', mtu: 1442, addresses }
    const want = { ...router([]), ports: [{ ...leg, senders: ['10.9.0.0/24', 'FD00::/64', '10.0.0.77/32'] }] }
    const policies = (of: LogicalRouter) =>
      rowsOf(of, 'Logical_Router_Policy').map(({ priority, action, match }) => [priority, action, match].join(' '))
    expect(policies(want)).toEqual([
      '1001 allow outport == "router-r-p" && ip4.src == {10.0.0.77/32, 10.9.0.0/24}',
      '1001 allow outport == "router-r-p" && ip6.src == {fd00::/64}',
      '1000 drop outport == "router-r-p" && ip',
    ])
    expect(policies({ ...want, gateway: gatewayOf({}) })).toContain(
      '1001 allow outport == "router-r-p" && inport == "router-r-gateway"',
    )
    expect(policies({ ...router([]), ports: [leg] })).toEqual([])
  })

  test('a leg whose switch is lost has its side of the router alone, and the rest is there', () => {
    const far = { ...six, networkUid: 'lost' }
    const plan = planRouter(router([four, far]), nb)
    expect(plan.postponed).toMatchObject({ reason: 'NetworkNotReady', message: 'network lost is not in OVN yet' })
    const inserted = (table: string) => plan.operations.filter((o) => o.op === 'insert' && o.table === table)
    expect(['Logical_Router_Port', 'Logical_Switch_Port'].map((table) => inserted(table).length)).toEqual([2, 1])
  })

  test('a next hop that is watched has one row of BFD at the gateway, whatever number of routes leads there', () => {
    const routes = ['198.51.100.0/24', '192.0.2.0/24'].map((destination) => ({
      ...{ destination, nextHop: '203.0.113.7', bfd: true },
    }))
    const want = { ...router([four], routes), gateway: gatewayOf({}) }
    expect(rowsOf(want, 'BFD')).toMatchObject([{ logical_port: 'router-r-gateway', dst_ip: '203.0.113.7' }])
    const sessions = rowsOf(want, 'Logical_Router_Static_Route').map(({ bfd }) => bfd)
    expect(sessions).toEqual([sessions[0], sessions[0]])
    expect(sessions[0]).not.toBeUndefined()
    expect(rowsOf(router([four], routes), 'BFD')).toEqual([])
  })

  test('one route twice is one row', () => {
    const route = { destination: '0.0.0.0/0', nextHop: '10.0.0.9' }
    expect(rowsOf(router([four], [route, { ...route }]), 'Logical_Router_Static_Route')).toHaveLength(1)
  })

  test.each([
    { destination: '10.0.0.0/8 || 1', nextHop: '10.0.0.9' },
    { destination: '10.0.0.0/33', nextHop: '10.0.0.9' },
    { destination: '10.0.0.0/8', nextHop: '10.0.0.9 10.0.0.10' },
    { destination: '10.0.0.0/8', nextHop: 'discard' },
  ])('refuses %j', (route) => expect(() => planRouter(router([four], [route]), nb)).toThrow(TerminalError))

  test.each([{ gatewayIP: '10.0.0.1/8' }, { cidr: '10.0.0.0/x' }])('refuses a leg with %j', (more) =>
    expect(() => planRouter(router([{ ...four, ...more }]), nb)).toThrow(TerminalError),
  )
})
