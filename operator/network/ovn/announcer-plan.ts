// SPDX-License-Identifier: Apache-2.0
import { announcerName } from '../../../lib/contract/metadata-port.ts'
import { mapOf, setOf } from '../../../lib/ovsdb/values.ts'
import type { Ipv6AddressMode, LogicalSubnet, RoutedSubnet } from '../logical-kinds.ts'
import { familyOf, normalAddress, normalDnsName } from './addresses.ts'
import { partMark } from './marks.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import { planRouterPort, portOfSubnet } from './router-port.ts'
import { planOffSwitch } from './switch-membership.ts'

/**
 * In OVN only routers send router advertisements, so an IPv6 subnet has its own router, at the gateway's address, that does nothing
 * else. One for each subnet, since a router port has one address mode for all its prefixes.
 */
export function planAnnouncer(plan: Plan, want: RoutedSubnet, addressMode: Ipv6AddressMode, nb: Northbound): void {
  const name = announcerName(want.uid)
  const external_ids = partMark('Announcer', want.uid)
  const router = nb.findNamed('Logical_Router', name)
  // Router and switch ports share one namespace in the southbound database.
  const routerPort = `${name}-router`
  const ra = advertisement(want, addressMode)
  const port = planRouterPort(plan, nb, {
    ...portOfSubnet(want),
    name: routerPort,
    end: name,
    ra,
    router: router?.uuid,
    external_ids,
  })
  if (!router) plan.insert('Logical_Router', { name, ports: setOf([port]), external_ids })
  else plan.ensure('Logical_Router', router, { name, ...ALONE, options: mapOf({}), external_ids })
  for (const copy of nb.announcers(want.uid)) if (copy.uuid !== router?.uuid) plan.remove('Logical_Router', copy)
}

/** It only announces, whatever another hand gave it. */
const ALONE = { static_routes: setOf([]), nat: setOf([]), policies: setOf([]), enabled: setOf([]) }

export function planAnnouncerRemoval(plan: Plan, subnetUid: string, nb: Northbound): void {
  const name = announcerName(subnetUid)
  for (const router of nb.announcers(subnetUid)) plan.remove('Logical_Router', router)
  const joint = nb.findNamed('Logical_Switch_Port', name)
  if (joint) planOffSwitch(plan, joint)
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
