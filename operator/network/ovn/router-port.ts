// SPDX-License-Identifier: Apache-2.0
import { announcerMac } from '../../../lib/contract/metadata-port.ts'
import { TransientError } from '../../../lib/errors.ts'
import { mapOf, setOf, type OvsNamedUuid, type OvsRow, type OvsUuid } from '../../../lib/ovsdb/values.ts'
import type { RoutedSubnet } from '../network-driver.ts'
import { normalAddress, normalPrefix } from './addresses.ts'
import { planOutOfGroups } from './group-plan.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import { planOnRouter } from './router-membership.ts'
import { planOnSwitch } from './switch-membership.ts'

interface RouterPort {
  subnet: RoutedSubnet
  /** Of the row; router and switch ports share one namespace in the southbound database. */
  name: string
  /** Name of the switch port that connects to it. */
  end: string
  /** Router advertisements, by ipv6_ra_configs; empty: none. */
  ra: Record<string, string>
  /** Row of the router; undefined: this transaction makes it, with the port. */
  router: string | undefined
  external_ids: OvsRow[string]
}

/**
 * A router's port at the gateway address of a subnet, connected to the switch of its network. Whoever is there, an announcer or a router,
 * has the same MAC address: guests know it as their gateway's.
 * @throws TransientError while the network's row is missing
 */
export function planRouterPort(plan: Plan, nb: Northbound, want: RouterPort): OvsUuid | OvsNamedUuid {
  const { subnet, name, external_ids } = want
  const network = nb.find('Network', subnet.networkUid)
  if (!network) throw new TransientError('NetworkNotReady', `network ${subnet.networkUid} is not in OVN yet`)
  const held = nb.findNamed('Logical_Router_Port', name)
  const port = plan.ensure('Logical_Router_Port', held, {
    name,
    mac: announcerMac(subnet.uid),
    networks: setOf([`${normalAddress(subnet.gatewayIP)}/${normalPrefix(subnet.cidr).split('/')[1] ?? ''}`]),
    ipv6_ra_configs: mapOf(want.ra),
    external_ids,
  })
  planOnRouter(plan, nb, want.router, held, port)
  const joint = nb.findNamed('Logical_Switch_Port', want.end)
  const end = plan.ensure('Logical_Switch_Port', joint, {
    name: want.end,
    type: 'router',
    addresses: setOf(['router']),
    port_security: setOf([]),
    dhcpv4_options: setOf([]),
    dhcpv6_options: setOf([]),
    options: mapOf({ 'router-port': name }),
    external_ids,
  })
  planOnSwitch(plan, nb, network.uuid, joint, end)
  if (joint) planOutOfGroups(plan, nb, joint, new Set())
  return port
}
