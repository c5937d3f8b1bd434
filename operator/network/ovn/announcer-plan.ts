// SPDX-License-Identifier: Apache-2.0
import { announcerMac, announcerName } from '../../../lib/contract/metadata-port.ts'
import { mapOf, setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { Ipv6AddressMode, LogicalSubnet } from '../network-driver.ts'
import { familyOf, normalAddress, normalDnsName } from './addresses.ts'
import { planOutOfGroups } from './group-plan.ts'
import { partMark } from './marks.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import { planOnRouter } from './router-membership.ts'
import { planOnSwitch } from './switch-membership.ts'

export type AnnouncedSubnet = LogicalSubnet & { gatewayIP: string }

/**
 * In OVN only routers send router advertisements, so an IPv6 subnet has its own router, at the gateway's address, that does nothing
 * else. One for each subnet, since a router port has one address mode for all its prefixes.
 */
export function planAnnouncer(plan: Plan, want: AnnouncedSubnet, addressMode: Ipv6AddressMode, nb: Northbound): void {
  const network = nb.find('Network', want.networkUid)
  if (!network) throw new TransientError('NetworkNotReady', `network ${want.networkUid} is not in OVN yet`)
  const name = announcerName(want.uid)
  const external_ids = partMark('Announcer', want.uid)
  const router = nb.findNamed('Logical_Router', name)
  // Router and switch ports share one namespace in the southbound database.
  const routerPort = `${name}-router`
  const held = nb.findNamed('Logical_Router_Port', routerPort)
  const port = plan.ensure('Logical_Router_Port', held, {
    name: routerPort,
    mac: announcerMac(want.uid),
    networks: setOf([`${normalAddress(want.gatewayIP)}/${want.cidr.split('/')[1] ?? ''}`]),
    ipv6_ra_configs: mapOf(advertisement(want, addressMode)),
    external_ids,
  })
  if (!router) plan.insert('Logical_Router', { name, ports: setOf([port]), external_ids })
  else plan.ensure('Logical_Router', router, { name, static_routes: setOf([]), options: mapOf({}), external_ids })
  planOnRouter(plan, nb, router?.uuid, held, port)
  for (const copy of nb.announcers(want.uid)) if (copy.uuid !== router?.uuid) plan.remove('Logical_Router', copy)
  const joint = nb.findNamed('Logical_Switch_Port', name)
  const end = plan.ensure('Logical_Switch_Port', joint, switchEnd(name, routerPort, external_ids))
  planOnSwitch(plan, nb, network.uuid, joint, end)
  if (joint) planOutOfGroups(plan, nb, joint, new Set())
}

export function planAnnouncerRemoval(plan: Plan, subnetUid: string, nb: Northbound): void {
  const name = announcerName(subnetUid)
  for (const router of nb.announcers(subnetUid)) plan.remove('Logical_Router', router)
  const joint = nb.findNamed('Logical_Switch_Port', name)
  if (!joint) return
  const end = setOf([uuidOf(joint.uuid)])
  const where = [['ports', 'includes', end]] as const
  plan.push({ op: 'mutate', table: 'Logical_Switch', where, mutations: [['ports', 'delete', end]] })
}

/** The switch port that connects to a router port. */
export function switchEnd(name: string, routerPort: string, external_ids: OvsRow[string]): OvsRow {
  return {
    name,
    type: 'router',
    addresses: setOf(['router']),
    port_security: setOf([]),
    dhcpv4_options: setOf([]),
    dhcpv6_options: setOf([]),
    options: mapOf({ 'router-port': routerPort }),
    external_ids,
  }
}

/** Of the router port that announces it. ovn-nb(5), ipv6_ra_configs; OVN knows one name server. Without it, DHCPv6 tells them all. */
export function advertisement(want: LogicalSubnet, addressMode: Ipv6AddressMode): Record<string, string> {
  const mode = { slaac: 'slaac', 'dhcpv6-stateful': 'dhcpv6_stateful', 'dhcpv6-stateless': 'dhcpv6_stateless' } as const
  const server = want.dhcp?.dnsNameservers.map(normalAddress).find((address) => familyOf(address) === 'IPv6')
  return {
    address_mode: mode[addressMode],
    send_periodic: 'true',
    mtu: String(want.mtu),
    ...(server === undefined ? {} : { rdnss: server }),
    ...(want.dhcp?.domainName === undefined ? {} : { dnssl: normalDnsName(want.dhcp.domainName) }),
  }
}
