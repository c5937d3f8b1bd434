// SPDX-License-Identifier: Apache-2.0
import { METADATA_ADDRESS, metadataMac } from '../../../lib/contract/metadata-port.ts'
import { mapOf } from '../../../lib/ovsdb/values.ts'
import type { LogicalSubnet } from '../logical-kinds.ts'
import { planAnnouncer, planAnnouncerRemoval } from './announcer-plan.ts'
import { familyOf, normalAddress, normalDnsName, normalPrefix } from './addresses.ts'
import { markOf } from './marks.ts'
import type { Northbound } from './northbound.ts'
import { Plan } from './plan.ts'

/** Subnet → DHCP_Options, and for IPv6 what announces it; a subnet without DHCP needs no row. */
export function planSubnet(want: LogicalSubnet, nb: Northbound): Plan {
  const plan = new Plan()
  const [held, ...copies] = nb.all('Subnet', want.uid)
  for (const copy of copies) plan.remove('DHCP_Options', copy)
  const options = optionsOf(want)
  if (options) {
    const external_ids = markOf(want)
    plan.ensure('DHCP_Options', held, { cidr: normalPrefix(want.cidr), options: mapOf(options), external_ids })
  } else if (held) plan.remove('DHCP_Options', held)
  const { ipv6, gatewayIP } = want
  if (options && ipv6?.routerAdvertisements && gatewayIP !== undefined)
    planAnnouncer(plan, { ...want, gatewayIP }, ipv6.addressMode, nb)
  else planAnnouncerRemoval(plan, want.uid, nb)
  return plan
}

export function planSubnetRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('Subnet', uid)) plan.remove('DHCP_Options', held)
  planAnnouncerRemoval(plan, uid, nb)
  return plan
}

/** Undefined: guests of the subnet are not served. */
export function optionsOf(want: LogicalSubnet): Record<string, string> | undefined {
  if (!want.dhcp) return undefined
  if (familyOf(want.cidr) === 'IPv4') return dhcpOptions(want, want.dhcp)
  return want.ipv6 ? dhcpv6Options(want, want.dhcp, want.ipv6) : undefined
}

/**
 * ovn-nb(5), DHCPv4 options. The server is the metadata address: it exists on every node and takes no address of the subnet, and
 * clients renew with it by unicast on-link. A client that gets classless routes ignores `router` (RFC 3442), so that the default
 * route stands in both.
 */
export function dhcpOptions(
  subnet: Pick<LogicalSubnet, 'networkUid' | 'gatewayIP' | 'mtu'>,
  dhcp: NonNullable<LogicalSubnet['dhcp']>,
): Record<string, string> {
  const gateway = subnet.gatewayIP === undefined ? undefined : normalAddress(subnet.gatewayIP)
  const routes = [
    `${METADATA_ADDRESS}/32,0.0.0.0`,
    ...dhcp.hostRoutes.map((route) => `${normalPrefix(route.destination)},${normalAddress(route.nextHop)}`),
    ...(gateway ? [`0.0.0.0/0,${gateway}`] : []),
  ]
  return {
    server_id: METADATA_ADDRESS,
    server_mac: metadataMac(subnet.networkUid),
    lease_time: String(dhcp.leaseSeconds),
    mtu: String(subnet.mtu),
    classless_static_route: `{${routes.join(', ')}}`,
    ...(gateway ? { router: gateway } : {}),
    ...serversOf(dhcp, 'IPv4'),
    ...(dhcp.domainName ? { domain_name: `"${normalDnsName(dhcp.domainName)}"` } : {}),
  }
}

/**
 * ovn-nb(5), DHCPv6 options. Routes and the MTU are no business of DHCPv6: router advertisements carry them. Guests that have their
 * address by the prefix (slaac, dhcpv6-stateless) are told the rest alone.
 */
function dhcpv6Options(
  subnet: Pick<LogicalSubnet, 'networkUid'>,
  dhcp: NonNullable<LogicalSubnet['dhcp']>,
  { addressMode }: NonNullable<LogicalSubnet['ipv6']>,
): Record<string, string> {
  return {
    server_id: metadataMac(subnet.networkUid),
    ...serversOf(dhcp, 'IPv6'),
    ...(dhcp.domainName ? { domain_search: `"${normalDnsName(dhcp.domainName)}"` } : {}),
    ...(addressMode === 'dhcpv6-stateful' ? {} : { dhcpv6_stateless: 'true' }),
  }
}

function serversOf(
  { dnsNameservers }: NonNullable<LogicalSubnet['dhcp']>,
  family: 'IPv4' | 'IPv6',
): Record<string, string> {
  const servers = dnsNameservers.map(normalAddress).filter((address) => familyOf(address) === family)
  return servers.length > 0 ? { dns_server: `{${servers.join(', ')}}` } : {}
}
