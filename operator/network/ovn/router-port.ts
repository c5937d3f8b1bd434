// SPDX-License-Identifier: Apache-2.0
import { announcerMac } from '../../../lib/contract/metadata-port.ts'
import { TransientError } from '../../../lib/errors.ts'
import {
  isSameValue,
  mapOf,
  readString,
  setOf,
  type OvsMap,
  type OvsNamedUuid,
  type OvsUuid,
} from '../../../lib/ovsdb/values.ts'
import type { RoutedSubnet } from '../logical-kinds.ts'
import { normalAddress, prefixLengthOf } from './addresses.ts'
import { planOutOfGroups } from './group-plan.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { FIREWALL_PREFIX } from './northbound-tables.ts'
import type { Plan } from './plan.ts'
import { planOnRouter } from './router-membership.ts'
import { planOnSwitch } from './switch-membership.ts'
import { vlanColumns } from './vlan-columns.ts'

export interface RouterPort {
  networkUid: string
  /** Of the row. */
  name: string
  mac: string
  /** Such as `10.0.0.1/24`. */
  networks: readonly string[]
  /** Router advertisements, by ipv6_ra_configs; empty: none. */
  ra?: Record<string, string>
  /** ovn-nb(5), Logical_Router_Port options. */
  options?: Record<string, string>
  /** Nodes that may have it, the preferred one first. Absent: it is on all. */
  nodes?: readonly string[]
  /** Name of the switch port that connects to it. */
  end: string
  /** ovn-nb(5), options of a switch port of type router. */
  endOptions?: Record<string, string>
  /** It is closed until a firewall stands at it, if it is new. */
  guarded?: boolean
  /** Row of the router; undefined: this transaction makes it, with the port. */
  router: string | undefined
  external_ids: OvsMap
}

export function routerPortName(routerUid: string, legUid: string): string {
  return `router-${routerUid}-${legUid}`
}

/** Of the port on the network's side: router and switch ports share one namespace in the southbound database. */
export function switchEndName(routerPort: string): string {
  return `${routerPort}-switch`
}

/**
 * A router's port, connected to the switch of a network.
 * @throws TransientError while the network's row is missing
 */
export function planRouterPort(plan: Plan, nb: Northbound, want: RouterPort): OvsUuid | OvsNamedUuid {
  const network = nb.find('Network', want.networkUid)
  if (!network) throw networkMissing(want)
  const port = planRouterSide(plan, nb, want)
  planSwitchSide(plan, nb, want, network)
  return port
}

/** The same, but the router's side alone while the network's row is missing: one lost network holds up nothing else of its router. */
export function planRouterPortInPart(plan: Plan, nb: Northbound, want: RouterPort): OvsUuid | OvsNamedUuid {
  if (nb.find('Network', want.networkUid)) return planRouterPort(plan, nb, want)
  plan.postponed ??= networkMissing(want)
  return planRouterSide(plan, nb, want)
}

function networkMissing({ networkUid }: RouterPort): TransientError {
  return new TransientError('NetworkNotReady', `network ${networkUid} is not in OVN yet`)
}

function planRouterSide(plan: Plan, nb: Northbound, want: RouterPort): OvsUuid | OvsNamedUuid {
  const { name, external_ids } = want
  const held = nb.findNamed('Logical_Router_Port', name)
  const chassis = (want.nodes ?? []).map((node, i) =>
    planGatewayChassis(plan, nb, { port: name, node, priority: HIGHEST_PRIORITY - i, external_ids }),
  )
  const port = plan.ensure('Logical_Router_Port', held, {
    name,
    mac: want.mac,
    networks: setOf([...want.networks]),
    ipv6_ra_configs: mapOf(want.ra ?? {}),
    gateway_chassis: setOf(chassis),
    ha_chassis_group: setOf([]),
    options: mapOf(want.options ?? {}),
    enabled: setOf(planClosed(plan, nb, want, held) ? [false] : []),
    external_ids,
  })
  planOnRouter(plan, nb, want.router, held, port)
  return port
}

/**
 * Nothing passes a port of a router that is not enabled: ovn-nb(5), Logical_Router_Port. Whoever makes the firewall stand there opens it,
 * by the same transaction (firewall-plan.ts). One that is open stays so: what passes is not cut by a firewall that comes or is lost.
 */
function planClosed(
  plan: Plan,
  nb: Northbound,
  { guarded, end, name }: RouterPort,
  held: FoundRow | undefined,
): boolean {
  const joint = nb.findNamed('Logical_Switch_Port', end)
  const isNew = !held || !joint || isClosed(held)
  const isGuarded = joint !== undefined && nb.groupsOf(joint.uuid).some(isFirewall)
  if (!guarded || !isNew || isGuarded) return false
  plan.postponed ??= new TransientError(
    'FirewallPending',
    `router port ${name} is closed until its firewall stands there`,
  )
  return true
}

function isClosed({ row }: FoundRow): boolean {
  return isSameValue(row['enabled'] ?? setOf([]), setOf([false]))
}

function isFirewall({ row }: FoundRow): boolean {
  return readString(row['name'])?.startsWith(FIREWALL_PREFIX) ?? false
}

/** A firewall stands there by now. */
export function planOpen(plan: Plan, name: string, nb: Northbound): void {
  const held = nb.findNamed('Logical_Router_Port', name)
  if (held && isClosed(held)) plan.ensure('Logical_Router_Port', held, { enabled: setOf([]) })
}

function planSwitchSide(plan: Plan, nb: Northbound, want: RouterPort, network: FoundRow): void {
  const { name, external_ids } = want
  const joint = nb.findNamed('Logical_Switch_Port', want.end)
  const end = plan.ensure('Logical_Switch_Port', joint, {
    name: want.end,
    type: 'router',
    addresses: setOf(['router']),
    port_security: setOf([]),
    dhcpv4_options: setOf([]),
    dhcpv6_options: setOf([]),
    options: mapOf({ 'router-port': name, ...want.endOptions }),
    ...vlanColumns(),
    ha_chassis_group: setOf([]),
    external_ids,
  })
  planOnSwitch(plan, nb, network.uuid, joint, end)
  if (joint) planOutOfGroups(plan, nb, joint, new Set())
}

/** Of the preferred node: ovn-nb(5), Gateway_Chassis priority, 0 to 32767. */
const HIGHEST_PRIORITY = 100

/** OVSDB collects the rows that no port names any more. */
function planGatewayChassis(
  plan: Plan,
  nb: Northbound,
  { port, node, priority, external_ids }: { port: string; node: string; priority: number; external_ids: OvsMap },
): OvsUuid | OvsNamedUuid {
  const name = `${port}_${node}`
  const held = nb.findNamed('Gateway_Chassis', name)
  return plan.ensure('Gateway_Chassis', held, { name, chassis_name: node, priority, external_ids })
}

/** The router's port of a subnet. Whoever has the gateway address, an announcer or a router, has the same MAC address: guests know it. */
export function portOfSubnet(subnet: RoutedSubnet): Pick<RouterPort, 'networkUid' | 'mac' | 'networks'> {
  return {
    networkUid: subnet.networkUid,
    mac: announcerMac(subnet.uid),
    networks: [`${normalAddress(subnet.gatewayIP)}/${prefixLengthOf(subnet.cidr)}`],
  }
}
