// SPDX-License-Identifier: Apache-2.0
import { byUuid } from '../../../lib/ovsdb/operations.ts'
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
import type { LogicalRouter, RoutedSubnet } from '../network-driver.ts'
import { normalAddress, normalPrefix } from './addresses.ts'
import { advertisement, planAnnouncerRemoval } from './announcer-plan.ts'
import { markOf, partMark } from './marks.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { planPorts } from './router-membership.ts'
import { planRouterPort } from './router-port.ts'
import { planOffSwitch } from './switch-membership.ts'

/** Router and switch ports share one namespace in the southbound database. */
const SWITCH_END = '-switch'

/**
 * ovn-nb(5), Logical_Router options. Neighbours are resolved only when a packet is for them, not learnt from every request, and entries
 * for other routers on the same switch are not created up front: otherwise flows and bindings grow quadratically with routers.
 * What was learnt is forgotten after 300 s, so that an address that moves without an announcement is found again.
 */
const OPTIONS = {
  always_learn_from_arp_request: 'false',
  dynamic_neigh_routers: 'true',
  mac_binding_age_threshold: '300',
}

/** Router → Logical_Router, with a port on the switch of each subnet that it joins. Distributed: no port is bound to a chassis. */
export function planRouter(want: LogicalRouter, nb: Northbound): Plan {
  const plan = new Plan()
  const [held, ...copies] = nb.all('Router', want.uid)
  for (const copy of copies) plan.remove('Logical_Router', copy)
  const names = new Set(want.interfaces.map((subnet) => portName(want.uid, subnet)))
  const surplus = held ? portsOf(held, nb).filter(({ row }) => !names.has(readString(row['name']) ?? '')) : []
  const ports = want.interfaces.map((subnet) => planInterface(plan, want.uid, subnet, held, nb))
  const routes = planRoutes(want, held, nb)
  const added = routes.missing.map((route) => plan.insert('Logical_Router_Static_Route', route))
  const row = { name: want.uid, options: mapOf(OPTIONS), external_ids: markOf(want) }
  if (!held) {
    plan.insert('Logical_Router', { ...row, ports: setOf(ports), static_routes: setOf(added) })
    return plan
  }
  plan.ensure('Logical_Router', held, row)
  for (const { uuid, row: port } of surplus) {
    planPorts(plan, held.uuid, 'delete', uuidOf(uuid))
    planSwitchEndRemoval(plan, want.uid, readString(port['name']) ?? '', nb)
  }
  planRouteSet(plan, held, added, routes.surplus)
  return plan
}

/** OVSDB removes the router's own ports and routes with it, but not the ports on the switches' side. */
export function planRouterRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('Router', uid)) {
    for (const { row } of portsOf(held, nb)) planSwitchEndRemoval(plan, uid, readString(row['name']) ?? '', nb)
    plan.remove('Logical_Router', held)
  }
  return plan
}

function portName(routerUid: string, { uid }: Pick<RoutedSubnet, 'uid'>): string {
  return `router-${routerUid}-${uid}`
}

function planInterface(
  plan: Plan,
  routerUid: string,
  subnet: RoutedSubnet,
  router: FoundRow | undefined,
  nb: Northbound,
): OvsUuid | OvsNamedUuid {
  const name = portName(routerUid, subnet)
  const { ipv6 } = subnet
  const ra = ipv6?.routerAdvertisements ? advertisement(subnet, ipv6.addressMode) : {}
  const external_ids = partMark('RouterPort', routerUid)
  // In one transaction: two of one address and MAC are on the switch at no moment.
  planAnnouncerRemoval(plan, subnet.uid, nb)
  return planRouterPort(plan, nb, { subnet, name, end: `${name}${SWITCH_END}`, ra, router: router?.uuid, external_ids })
}

/** Only for ports of ours: a port that somebody else added to our router has its switch port, if any, under another name. */
function planSwitchEndRemoval(plan: Plan, routerUid: string, port: string, nb: Northbound): void {
  if (!port.startsWith(portName(routerUid, { uid: '' }))) return
  const joint = nb.findNamed('Logical_Switch_Port', `${port}${SWITCH_END}`)
  if (joint) planOffSwitch(plan, joint)
}

function portsOf(router: FoundRow, nb: Northbound): FoundRow[] {
  return readUuids(router.row['ports']).flatMap((uuid) => nb.get('Logical_Router_Port', uuid) ?? [])
}

/** Routes are identified by their content; routes on the router that are not ours are removed as well. */
function planRoutes(want: LogicalRouter, held: FoundRow | undefined, nb: Northbound) {
  const wanted = want.routes.map(({ destination, nextHop }) => {
    const row = {
      ip_prefix: normalPrefix(destination),
      nexthop: normalAddress(nextHop),
      external_ids: partMark('Route', want.uid),
    }
    return [routeKey(row), row] as const
  })
  const missing = new Map(wanted)
  const surplus = readUuids(held?.row['static_routes'] ?? setOf([])).filter((uuid) => {
    const { row } = nb.get('Logical_Router_Static_Route', uuid) ?? {}
    return !row || !missing.delete(routeKey(row))
  })
  return { missing: [...missing.values()], surplus }
}

function routeKey(row: OvsRow): string {
  return ['ip_prefix', 'nexthop', 'external_ids'].map((column) => canonical(row[column] ?? '')).join()
}

function planRouteSet(plan: Plan, router: FoundRow, added: readonly OvsNamedUuid[], removed: readonly string[]): void {
  if (added.length + removed.length === 0) return
  const mutations = [
    ['static_routes', 'delete', setOf(removed.map(uuidOf))],
    ['static_routes', 'insert', setOf(added)],
  ] as const
  plan.push({ op: 'mutate', table: 'Logical_Router', where: byUuid(router.uuid), mutations })
}
