// SPDX-License-Identifier: Apache-2.0
import { METADATA_ADDRESS, metadataMac, metadataPortName } from '../../../lib/contract/metadata-port.ts'
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import { mapOf, readUuids, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalNetwork, LogicalSubnet } from '../network-driver.ts'
import { familyOf, normalAddress, normalDnsName, normalPrefix } from './addresses.ts'
import { markOf, partMark } from './marks.ts'
import type { Northbound } from './northbound.ts'
import { Plan } from './plan.ts'

/** Network → Logical_Switch, with the localport that every node's metadata service binds. */
export function planNetwork(want: LogicalNetwork, nb: Northbound): Plan {
  const plan = new Plan()
  const [held, ...copies] = nb.all('Network', want.uid)
  for (const copy of copies) plan.remove('Logical_Switch', copy)
  const metadata = nb.findNamed('Logical_Switch_Port', metadataPortName(want.uid))
  const row: OvsRow = { name: want.uid, external_ids: markOf('Network', want) }
  if (!held) {
    const port = plan.ensure('Logical_Switch_Port', metadata, metadataPort(want.uid))
    plan.insert('Logical_Switch', { ...row, ports: setOf([port]) })
    return plan
  }
  plan.ensure('Logical_Switch', held, row)
  const port = plan.ensure('Logical_Switch_Port', metadata, metadataPort(want.uid))
  if (!metadata || !readUuids(held.row['ports']).includes(metadata.uuid)) {
    const mutations = [['ports', 'insert', setOf([port])]] as const
    plan.push({ op: 'mutate', table: 'Logical_Switch', where: byUuid(held.uuid), mutations })
  }
  return plan
}

function metadataPort(networkUid: string): OvsRow {
  return {
    name: metadataPortName(networkUid),
    type: 'localport',
    addresses: setOf([`${metadataMac(networkUid)} ${METADATA_ADDRESS}`]),
    port_security: setOf([]),
    dhcpv4_options: setOf([]),
    options: mapOf({}),
    external_ids: partMark('MetadataPort', networkUid),
  }
}

/** The ports on the switch go with it: they are parts of it for OVSDB. */
export function planNetworkRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('Network', uid)) plan.remove('Logical_Switch', held)
  return plan
}

/** Subnet → DHCP_Options; a subnet without DHCP (and, so far, an IPv6 one) needs no row. */
export function planSubnet(want: LogicalSubnet, nb: Northbound): Plan {
  const plan = new Plan()
  const [held, ...copies] = nb.all('Subnet', want.uid)
  for (const copy of copies) plan.remove('DHCP_Options', copy)
  if (!want.dhcp || familyOf(want.cidr) === 'IPv6') {
    if (held) plan.remove('DHCP_Options', held)
    return plan
  }
  plan.ensure('DHCP_Options', held, {
    cidr: normalPrefix(want.cidr),
    options: mapOf(dhcpOptions(want, want.dhcp)),
    external_ids: markOf('Subnet', want),
  })
  return plan
}

export function planSubnetRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('Subnet', uid)) plan.remove('DHCP_Options', held)
  return plan
}

/**
 * ovn-nb(5), DHCPv4 options. The server is the metadata address: it exists on every node and takes no address of the subnet, and
 * clients renew with it by unicast on-link. A client that gets classless routes ignores `router` (RFC 3442), so that the default
 * route stands in both.
 */
export function dhcpOptions(subnet: LogicalSubnet, dhcp: NonNullable<LogicalSubnet['dhcp']>): Record<string, string> {
  const gateway = subnet.gatewayIP === undefined ? undefined : normalAddress(subnet.gatewayIP)
  const routes = [
    `${METADATA_ADDRESS}/32,0.0.0.0`,
    ...dhcp.hostRoutes.map((route) => `${normalPrefix(route.destination)},${normalAddress(route.nextHop)}`),
    ...(gateway ? [`0.0.0.0/0,${gateway}`] : []),
  ]
  const nameservers = dhcp.dnsNameservers.map(normalAddress).filter((address) => familyOf(address) === 'IPv4')
  return {
    server_id: METADATA_ADDRESS,
    server_mac: metadataMac(subnet.networkUid),
    lease_time: String(dhcp.leaseSeconds),
    mtu: String(subnet.mtu),
    classless_static_route: `{${routes.join(', ')}}`,
    ...(gateway ? { router: gateway } : {}),
    ...(nameservers.length > 0 ? { dns_server: `{${nameservers.join(', ')}}` } : {}),
    ...(dhcp.domainName ? { domain_name: `"${normalDnsName(dhcp.domainName)}"` } : {}),
  }
}
