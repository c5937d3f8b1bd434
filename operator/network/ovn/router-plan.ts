// SPDX-License-Identifier: Apache-2.0
import {
  mapOf,
  readString,
  readUuids,
  setOf,
  uuidOf,
  type OvsNamedUuid,
  type OvsUuid,
} from '../../../lib/ovsdb/values.ts'
import type { LogicalPortLeg, LogicalRouter, RoutedSubnet } from '../logical-kinds.ts'
import { normalAddress, normalMac, prefixLengthOf } from './addresses.ts'
import { advertisement, planAnnouncerRemoval } from './announcer-plan.ts'
import { markOf, partMark } from './marks.ts'
import { planSnat, snatRows } from './nat-plan.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { gatewayMark } from './gateway-claim.ts'
import { gatewayPort, planFailoverTimers } from './gateway-plan.ts'
import { gatewayPortName } from './gateway-port-name.ts'
import { planNextHopsRemoval } from './next-hop-plan.ts'
import { planPorts } from './router-membership.ts'
import { planRouterPortInPart, portOfSubnet, routerPortName, switchEndName, type RouterPort } from './router-port.ts'
import { planRoutes } from './route-plan.ts'
import { planSenders } from './sender-plan.ts'
import { planOffSwitch } from './switch-membership.ts'
import { isLinkOfVPN } from './vpn-plan.ts'

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

/** Router → Logical_Router, with a port on the switch of each subnet that it joins, on every chassis, and one of its gateway, on one. */
export function planRouter(want: LogicalRouter, nb: Northbound): Plan {
  const plan = new Plan()
  const [held, ...copies] = nb.all('Router', want.uid)
  for (const copy of copies) plan.remove('Logical_Router', copy)
  const names = new Set([...want.interfaces, ...want.ports].map(({ uid }) => routerPortName(want.uid, uid)))
  if (want.gateway) names.add(gatewayPortName(want.uid))
  const isSurplus = ({ row }: FoundRow) => !names.has(readString(row['name']) ?? '') && !isLinkOfVPN(row, nb)
  const surplus = held ? portsOf(held, nb).filter(isSurplus) : []
  const ports = [
    ...want.interfaces.map((subnet) => planInterface(plan, want, subnet, held, nb)),
    ...want.ports.map((leg) => planPortLeg(plan, want, leg, held, nb)),
  ]
  if (want.gateway) {
    planFailoverTimers(plan, nb)
    ports.push(planGateway(plan, want, held, nb))
  }
  const routes = planRoutes(plan, want, held, nb)
  const policies = planSenders(plan, want, held, nb)
  const own = { enabled: setOf([]), options: mapOf(OPTIONS) }
  const row = { name: want.uid, ...own, external_ids: markOf(want) }
  if (!held) {
    const nat = snatRows(want).map((translation) => plan.insert('NAT', translation))
    plan.insert('Logical_Router', {
      ...row,
      ports: setOf(ports),
      static_routes: setOf(routes),
      policies: setOf(policies),
      nat: setOf(nat),
    })
    return plan
  }
  plan.ensure('Logical_Router', held, row)
  for (const { uuid, row: port } of surplus) {
    planPorts(plan, held.uuid, 'delete', uuidOf(uuid))
    planSwitchEndRemoval(plan, want.uid, readString(port['name']) ?? '', nb)
  }
  planSnat(plan, want, held, nb)
  return plan
}

/** OVSDB removes the router's own ports, routes and translations with it, but not the ports on the switches' side. */
export function planRouterRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('Router', uid)) {
    for (const { row } of portsOf(held, nb)) planSwitchEndRemoval(plan, uid, readString(row['name']) ?? '', nb)
    plan.remove('Logical_Router', held)
  }
  planNextHopsRemoval(plan, uid, nb)
  return plan
}

function planInterface(
  plan: Plan,
  { uid, gateway }: LogicalRouter,
  subnet: RoutedSubnet,
  router: FoundRow | undefined,
  nb: Northbound,
): OvsUuid | OvsNamedUuid {
  const name = routerPortName(uid, subnet.uid)
  const { ipv6 } = subnet
  // In one transaction: two of one address and MAC are on the switch at no moment.
  planAnnouncerRemoval(plan, subnet.uid, nb)
  return planRouterPortInPart(plan, nb, {
    ...portOfSubnet(subnet),
    name,
    end: switchEndName(name),
    ra: ipv6?.routerAdvertisements ? advertisement(subnet, ipv6.addressMode) : {},
    ...mtuOptions(subnet, gateway),
    ...proxyOptions(subnet),
    guarded: subnet.guarded ?? false,
    router: router?.uuid,
    external_ids: partMark('RouterPort', uid),
  })
}

/** ovn-nb(5), Logical_Switch_Port options: on this switch alone, unlike the addresses of a balancer on the router. */
function proxyOptions({ alsoAnswers = [] }: RoutedSubnet): Pick<RouterPort, 'endOptions'> {
  const addresses = [...new Set(alsoAnswers.map(normalAddress))].sort()
  return addresses.length === 0 ? {} : { endOptions: { arp_proxy: addresses.join(' ') } }
}

/** The subnet's gateway address is somebody else's, who announces it too. */
function planPortLeg(
  plan: Plan,
  { uid, gateway }: LogicalRouter,
  leg: LogicalPortLeg,
  router: FoundRow | undefined,
  nb: Northbound,
): OvsUuid | OvsNamedUuid {
  const name = routerPortName(uid, leg.uid)
  const networks = leg.addresses.map(({ address, cidr }) => `${normalAddress(address)}/${prefixLengthOf(cidr)}`)
  return planRouterPortInPart(plan, nb, {
    ...{ networkUid: leg.networkUid, mac: normalMac(leg.mac), networks },
    ...{ name, end: switchEndName(name) },
    ...mtuOptions(leg, gateway),
    guarded: leg.guarded ?? false,
    router: router?.uuid,
    external_ids: partMark('RouterPort', uid),
  })
}

/** Who sends larger packets from outside is told (ICMP "fragmentation needed", ICMPv6 "packet too big"), or they would vanish. */
function mtuOptions({ mtu }: { mtu: number }, gateway: LogicalRouter['gateway']): Pick<RouterPort, 'options'> {
  return gateway && gateway.mtu > mtu ? { options: { gateway_mtu: String(mtu) } } : {}
}

function planGateway(
  plan: Plan,
  want: LogicalRouter,
  router: FoundRow | undefined,
  nb: Northbound,
): OvsUuid | OvsNamedUuid {
  const port = gatewayPort(want)
  return planRouterPortInPart(plan, nb, {
    ...port,
    end: switchEndName(port.name),
    router: router?.uuid,
    external_ids: gatewayMark(want.uid, port, nb.findNamed('Logical_Router_Port', port.name)),
  })
}

/** Only for ports of ours: a port that somebody else added to our router has its switch port, if any, under another name. */
function planSwitchEndRemoval(plan: Plan, routerUid: string, port: string, nb: Northbound): void {
  if (!port.startsWith(routerPortName(routerUid, ''))) return
  const joint = nb.findNamed('Logical_Switch_Port', switchEndName(port))
  if (joint) planOffSwitch(plan, joint)
}

function portsOf(router: FoundRow, nb: Northbound): FoundRow[] {
  return readUuids(router.row['ports']).flatMap((uuid) => nb.get('Logical_Router_Port', uuid) ?? [])
}
