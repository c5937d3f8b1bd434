// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../lib/errors.ts'
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import {
  mapOf,
  readMap,
  readString,
  setOf,
  uuidOf,
  type OvsNamedUuid,
  type OvsRow,
  type OvsUuid,
} from '../../../lib/ovsdb/values.ts'
import type { LogicalPort } from '../logical-kinds.ts'
import { familyOf, normalAddress, normalDnsName, normalMac, normalPrefix, type AddressFamily } from './addresses.ts'
import { groupName } from './group-match.ts'
import { GUARD_GROUP, planGuardGroup, planOutOfGroups, planPlaceholders } from './group-plan.ts'
import { DNS_NAME, FORMER, markOf, readMark } from './marks.ts'
import { planPortNames, planPortNamesRemoval } from './names-plan.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { planOffSwitch, planOnSwitch } from './switch-membership.ts'
import { OUTSIDE, planServers, planServersRemoval, serversMark } from './outside-host-plan.ts'
import { FORMERS, requestByKeys } from './gateway-claim.ts'
import type { PortRequest } from './port-request.ts'
import { planOwnDhcp, planOwnDhcpRemoval } from './own-dhcp-plan.ts'
import { VIRTUAL, virtualMark, virtualOptions } from './virtual-port-plan.ts'
import { vlanColumns } from './vlan-columns.ts'

/** No chassis has this name: ovn-controllers leave the port alone until it is placed. */
const NOWHERE = '-'

/** Port → Logical_Switch_Port named by its uid, in the groups that guard it. */
export function planPort(want: LogicalPort, nb: Northbound): Plan {
  const network = nb.find('Network', want.networkUid)
  if (!network) throw new TransientError('NetworkNotReady', `network ${want.networkUid} is not in OVN yet`)
  const plan = new Plan()
  const held = nb.findNamed('Logical_Switch_Port', want.uid)
  const dhcp = dhcpOf(want, 'IPv4', nb)
  const dhcpv6 = dhcpOf(want, 'IPv6', nb)
  const former = want.servedBy || want.virtual ? undefined : formerOf(held, want.node ?? NOWHERE)
  const own = planOwnDhcp(plan, want, nb)
  const hostname = want.hostname && dhcp ? { hostname: `"${normalDnsName(want.hostname)}"` } : {}
  const port = plan.ensure('Logical_Switch_Port', held, {
    name: want.uid,
    type: want.servedBy ? OUTSIDE : want.virtual ? VIRTUAL : '',
    addresses: setOf(addressesOf(want)),
    port_security: setOf(portSecurityOf(want)),
    dhcpv4_options: setOf(dhcp ? [own.IPv4 ?? uuidOf(dhcp.uuid)] : []),
    dhcpv6_options: setOf(dhcpv6 ? [own.IPv6 ?? uuidOf(dhcpv6.uuid)] : []),
    options: mapOf({ ...placeOptions(want), ...hostname }),
    ...vlanColumns(want.parent?.vlan, want.parent?.portUid),
    ...planServers(plan, want, nb),
    external_ids: mapOf({
      ...readMap(markOf(want)),
      ...{ [FORMER]: former, [DNS_NAME]: want.dnsName },
      ...serversMark(want, held),
      ...virtualMark(want.virtual, held),
    }),
  })
  if (!want.servedBy) planServersRemoval(plan, want.uid, nb)
  planOnSwitch(plan, nb, network.uuid, held, port)
  planPortNames(plan, want, held, nb)
  planGroups(plan, want, held, port, nb)
  return plan
}

/** Who may have it. */
function placeOptions({ servedBy, virtual, node }: LogicalPort): Record<string, string> {
  if (servedBy) return {}
  return virtual ? virtualOptions(virtual) : { 'requested-chassis': node ?? NOWHERE }
}

/** Forgets the port's former node, which no longer claims any of it. */
export function planFormerGone(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  const held = nb.findNamed('Logical_Switch_Port', uid)
  if (!held || requestOf(held.row)?.former === undefined) return plan
  const keys = Object.keys(readMap(held.row['external_ids'])).filter((key) => FORMERS.some((former) => former === key))
  const mutations = [['external_ids', 'delete', setOf(keys)]] as const
  plan.push({ op: 'mutate', table: 'Logical_Switch_Port', where: byUuid(held.uuid), mutations })
  return plan
}

/** Which chassis our row of a port requests; undefined for rows that are not ours. */
export function requestOf(row: OvsRow): PortRequest | undefined {
  if (readMark(row)?.kind !== 'Port') return undefined
  if ([OUTSIDE, VIRTUAL].includes(readString(row['type']) ?? '')) return requestByKeys(readMap(row['external_ids']))
  const node = readMap(row['options'])['requested-chassis']
  return { node: node === NOWHERE ? undefined : node, former: readMap(row['external_ids'])[FORMER] }
}

/**
 * A node may write only the bindings of ports requested there (charts/nephele/files/southbound-role.json). After a move the former node
 * still has to clear its claim, so it stays named until it has: an ovn-controller that is refused keeps retrying, and gets nothing
 * else done.
 */
function formerOf(held: FoundRow | undefined, wanted: string): string | undefined {
  const { node, former } = (held && requestOf(held.row)) ?? {}
  if (former !== undefined && former !== wanted) return former
  return node === wanted ? undefined : node
}

/** Takes the port off its switch: OVSDB then garbage-collects the row and removes it from all groups. */
export function planPortRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  const held = nb.findNamed('Logical_Switch_Port', uid)
  if (held) {
    planPortNamesRemoval(plan, held, nb)
    planOffSwitch(plan, held)
  }
  planServersRemoval(plan, uid, nb)
  planOwnDhcpRemoval(plan, uid, nb)
  return plan
}

/**
 * The options of the port's first subnet of the family that has a DHCP service.
 * @throws TransientError while the subnet's row is missing: without it the port would be wired up, but its guest get no DHCP answer
 */
function dhcpOf({ fixedIPs }: LogicalPort, family: AddressFamily, nb: Northbound): FoundRow | undefined {
  const first = fixedIPs.find(({ address, hasDhcp }) => hasDhcp && familyOf(address) === family)
  if (!first) return undefined
  const row = nb.find('Subnet', first.subnetUid)
  if (!row) throw new TransientError('NetworkNotReady', `subnet ${first.subnetUid} is not in OVN yet`)
  return row
}

function planGroups(
  plan: Plan,
  want: LogicalPort,
  held: FoundRow | undefined,
  port: OvsUuid | OvsNamedUuid,
  nb: Northbound,
): void {
  const wanted = new Set<string>()
  if (want.portSecurityEnabled && !want.servedBy) {
    planGuardGroup(plan, nb)
    planPlaceholders(plan, new Set(want.securityGroupUids), nb)
    wanted.add(GUARD_GROUP)
    for (const uid of want.securityGroupUids) wanted.add(groupName(uid))
  }
  const kept = held ? planOutOfGroups(plan, nb, held, wanted) : new Set<string>()
  // By name: the group may be created in this same transaction.
  for (const name of wanted) {
    if (kept.has(name)) continue
    const mutations = [['ports', 'insert', setOf([port])]] as const
    plan.push({ op: 'mutate', table: 'Port_Group', where: [['name', '==', name]], mutations })
  }
}

/**
 * `unknown`: what is addressed to a MAC that no port is known by comes here too (port security lets through what is for one of the
 * port's own), and OVN leaves it to guests to answer ARP and ND. So a MAC of a pair is reached wherever it is, also when two ports
 * share it (VRRP), and an address of a machine that others may speak for is found at who does. Of a virtual port guests answer anyway.
 */
function addressesOf(port: LogicalPort): string[] {
  const mac = normalMac(port.mac)
  const own = [mac, ...port.fixedIPs.map(({ address }) => normalAddress(address))].join(' ')
  const hasOther = port.allowedAddressPairs.some(({ macAddress = mac }) => normalMac(macAddress) !== mac)
  if (port.servedBy || port.virtual) return [own]
  return port.portSecurityEnabled && !hasOther && !port.isShared ? [own] : [own, 'unknown']
}

/** One entry a MAC: it may send from these addresses only, in IP and in ARP. */
function portSecurityOf(port: LogicalPort): string[] {
  if (!port.portSecurityEnabled || port.servedBy) return []
  const own = normalMac(port.mac)
  const byMac = new Map<string, string[]>([[own, port.fixedIPs.map(({ address }) => normalAddress(address))]])
  for (const pair of port.allowedAddressPairs) {
    const mac = pair.macAddress === undefined ? own : normalMac(pair.macAddress)
    const ip = pair.ipAddress.includes('/') ? normalPrefix(pair.ipAddress) : normalAddress(pair.ipAddress)
    byMac.set(mac, [...(byMac.get(mac) ?? []), ip])
  }
  return [...byMac].map(([mac, ips]) => [mac, ...ips].join(' '))
}
