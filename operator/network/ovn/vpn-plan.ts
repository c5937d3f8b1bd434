// SPDX-License-Identifier: Apache-2.0
import { TRANSIT, TRANSIT_V6, transitPortMac, transitPortName } from '../../../lib/contract/vpn.ts'
import { TransientError } from '../../../lib/errors.ts'
import { metadataMac } from '../../../lib/contract/metadata-port.ts'
import {
  canonical,
  mapOf,
  readString,
  readUuids,
  setOf,
  uuidOf,
  type OvsNamedUuid,
  type OvsRow,
  type OvsUuid,
} from '../../../lib/ovsdb/values.ts'
import type { LogicalVPNService } from '../logical-kinds.ts'
import { familyOf, normalPrefix } from './addresses.ts'
import { planOutOfGroups } from './group-plan.ts'
import { markOf, partMark, vpnOf } from './marks.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { planOnRouter, planPorts } from './router-membership.ts'
import { switchEndName } from './router-port.ts'
import { planOffOthers, planOffSwitch, planOnSwitch } from './switch-membership.ts'
import { vlanColumns } from './vlan-columns.ts'

/** Of the router's end of the link. */
function linkName(vpnUid: string): string {
  return `vpn-${vpnUid}`
}

/** Whether a port of a router is the end of a VPN's link: the router's planner leaves it alone. */
export function isLinkOfVPN(row: OvsRow, nb: Northbound): boolean {
  return findLink(vpnOf(row, 'VPNPort'), nb) !== undefined
}

/** Whether a route of that router is a VPN's that has its link there: the router's planner leaves it alone. */
export function isRouteOfVPN(row: OvsRow, router: FoundRow | undefined, nb: Northbound): boolean {
  const link = findLink(vpnOf(row, 'VPNRoute'), nb)
  return link !== undefined && router !== undefined && nb.routersOf(link.uuid).includes(router.uuid)
}

function findLink(uid: string | undefined, nb: Northbound): FoundRow | undefined {
  if (uid === undefined || nb.find('VPNService', uid) === undefined) return undefined
  return nb.findNamed('Logical_Router_Port', linkName(uid))
}

/**
 * VPNService → a Logical_Switch that is nothing but the link between the Router and the VPN's namespace, and a route to each range of a peer by
 * way of it. Its traffic leaves the Router by no gateway and is translated by none. The row of the namespace's end never moves, so that no node
 * has to let go of it: another node has another row. As Neutron's VPN agent for OVN does it.
 * @throws TransientError while the router's row is missing
 */
export function planVPNService(want: LogicalVPNService, nb: Northbound): Plan {
  const router = nb.find('Router', want.routerUid)
  if (!router) throw new TransientError('NetworkNotReady', `router ${want.routerUid} is not in OVN yet`)
  const plan = new Plan()
  const [held, ...copies] = nb.all('VPNService', want.uid)
  for (const copy of copies) plan.remove('Logical_Switch', copy)
  const ends = [routerEnd(want.uid), serviceEnd(want)].map((row) => {
    const there = nb.findNamed('Logical_Switch_Port', row.name)
    if (there) planOutOfGroups(plan, nb, there, new Set())
    return { there, port: plan.ensure('Logical_Switch_Port', there, row) }
  })
  planSwitch(plan, want, held, ends, nb)
  const kept = new Set(ends.flatMap(({ there }) => there?.uuid ?? []))
  for (const other of nb.vpnPorts(want.uid)) if (!kept.has(other.uuid)) planOffSwitch(plan, other)
  planLink(plan, want, router, nb)
  planPeerRoutes(plan, want, router, nb)
  return plan
}

export function planVPNServiceRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('VPNService', uid)) plan.remove('Logical_Switch', held)
  const link = nb.findNamed('Logical_Router_Port', linkName(uid))
  for (const router of link ? nb.routersOf(link.uuid) : []) {
    const row = nb.get('Logical_Router', router)
    if (!link || !row) continue
    planOffRouter(plan, uid, row, nb)
    planPorts(plan, router, 'delete', uuidOf(link.uuid))
  }
  return plan
}

type End = OvsRow & { name: string }

function planSwitch(
  plan: Plan,
  want: LogicalVPNService,
  held: FoundRow | undefined,
  ends: readonly { there: FoundRow | undefined; port: OvsUuid | OvsNamedUuid }[],
  nb: Northbound,
): void {
  const row: OvsRow = { name: want.uid, external_ids: markOf(want) }
  if (held) {
    plan.ensure('Logical_Switch', held, row)
    for (const { there, port } of ends) planOnSwitch(plan, nb, held.uuid, there, port)
    return
  }
  plan.insert('Logical_Switch', { ...row, ports: setOf(ends.map(({ port }) => port)) })
  for (const { there } of ends) if (there) planOffOthers(plan, nb, undefined, there)
}

const ROUTER_ADDRESSES = [TRANSIT, TRANSIT_V6].map(({ router, prefixLength }) => `${router}/${prefixLength}`)

function planLink(plan: Plan, { uid }: LogicalVPNService, router: FoundRow, nb: Northbound): void {
  const name = linkName(uid)
  const held = nb.findNamed('Logical_Router_Port', name)
  const port = plan.ensure('Logical_Router_Port', held, {
    ...{ name, mac: metadataMac(name), networks: setOf(ROUTER_ADDRESSES) },
    ...{ ipv6_ra_configs: mapOf({}), gateway_chassis: setOf([]), ha_chassis_group: setOf([]) },
    ...{ options: mapOf({}), enabled: setOf([]), external_ids: partMark('VPNPort', uid) },
  })
  planOnRouter(plan, nb, router.uuid, held, port)
  for (const uuid of held ? nb.routersOf(held.uuid) : []) {
    const other = uuid === router.uuid ? undefined : nb.get('Logical_Router', uuid)
    if (other) planOffRouter(plan, uid, other, nb)
  }
}

function planOffRouter(plan: Plan, uid: string, router: FoundRow, nb: Northbound): void {
  const out = routesOf(uid, router, nb).map((route) => uuidOf(route.uuid))
  plan.exchange('Logical_Router', router.uuid, 'static_routes', { out, into: [] })
}

/** Identified by their content. */
function planPeerRoutes(plan: Plan, { uid, peerCIDRs }: LogicalVPNService, router: FoundRow, nb: Northbound): void {
  const missing = new Map([...new Set(peerCIDRs.map(normalPrefix))].map((prefix) => [prefix, routeTo(prefix, uid)]))
  const surplus = routesOf(uid, router, nb).filter(({ row }) => {
    const prefix = readString(row['ip_prefix']) ?? ''
    const want = missing.get(prefix)
    return !want || !isSame(row, want) || !missing.delete(prefix)
  })
  const added = [...missing.values()].map((row) => plan.insert('Logical_Router_Static_Route', row))
  plan.exchange('Logical_Router', router.uuid, 'static_routes', {
    out: surplus.map((route) => uuidOf(route.uuid)),
    into: added,
  })
}

function routesOf(uid: string, router: FoundRow, nb: Northbound): FoundRow[] {
  return readUuids(router.row['static_routes'] ?? setOf([])).flatMap((uuid) => {
    const route = nb.get('Logical_Router_Static_Route', uuid)
    return route && vpnOf(route.row, 'VPNRoute') === uid ? [route] : []
  })
}

function routeTo(prefix: string, uid: string): OvsRow {
  return {
    ...{ ip_prefix: prefix, nexthop: transitOf(prefix).service, output_port: setOf([linkName(uid)]) },
    external_ids: partMark('VPNRoute', uid),
  }
}

function transitOf(prefix: string): { service: string } {
  return familyOf(prefix) === 'IPv6' ? TRANSIT_V6 : TRANSIT
}

function isSame(row: OvsRow, want: OvsRow): boolean {
  const whole = { route_table: '', policy: setOf([]), bfd: setOf([]), ...want }
  return Object.entries(whole).every(([column, value]) => canonical(row[column] ?? value) === canonical(value))
}

const NO_OPTIONS = {
  ...{ port_security: setOf([]), dhcpv4_options: setOf([]), dhcpv6_options: setOf([]) },
  ...{ ha_chassis_group: setOf([]), ...vlanColumns() },
}

function routerEnd(uid: string): End {
  const name = linkName(uid)
  return {
    ...{ ...NO_OPTIONS, name: switchEndName(name), type: 'router', addresses: setOf(['router']) },
    ...{ options: mapOf({ 'router-port': name }), external_ids: partMark('VPNPort', uid) },
  }
}

function serviceEnd({ uid, node }: LogicalVPNService): End {
  const own = `${transitPortMac(uid, node)} ${TRANSIT.service} ${TRANSIT_V6.service}`
  return {
    ...{ ...NO_OPTIONS, name: transitPortName(uid, node), type: '', addresses: setOf([own]) },
    ...{ options: mapOf({ 'requested-chassis': node }), external_ids: partMark('VPNPort', uid) },
  }
}
