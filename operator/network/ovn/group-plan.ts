// SPDX-License-Identifier: Apache-2.0
import { METADATA_ADDRESS, METADATA_ADDRESS_V6 } from '../../../lib/contract/metadata-port.ts'
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import {
  canonical,
  readString,
  readUuids,
  setOf,
  uuidOf,
  type OvsNamedUuid,
  type OvsRow,
} from '../../../lib/ovsdb/values.ts'
import type { LogicalSecurityGroup } from '../logical-kinds.ts'
import { planAddressSets } from './address-group-plan.ts'
import { LOGGED_DROP_PRIORITY, LOGGED_PRIORITY, loggedDrops, planLogMeters, withLog } from './group-log-plan.ts'
import { GROUP_PREFIX, groupName, ruleMatch } from './group-match.ts'
import { markOf, partMark } from './marks.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { Plan } from './plan.ts'

/** All ports with port security are members: what no rule of a group allows is dropped. */
export const GUARD_GROUP = 'nephele_guard'
/** Of what groups say. Before it stand firewalls: what one of them passes, the groups still judge. ovn-nb(5), ACL tier. */
export const GROUP_TIER = 1
export const FIREWALL_TIER = 0
export const ALLOW_PRIORITY = 1002
const DROP_PRIORITY = 1000

/** SecurityGroup → Port_Group with one ACL per rule; a remote group is matched by its own address set, so members add no rules. */
export function planSecurityGroup(want: LogicalSecurityGroup, nb: Northbound): Plan {
  const plan = new Plan()
  const remotes = want.rules.flatMap((rule) => (rule.remoteGroupUid ? [rule.remoteGroupUid] : []))
  planPlaceholders(plan, new Set(remotes.filter((uid) => uid !== want.uid)), nb)
  planAddressSets(plan, new Set(want.rules.flatMap((rule) => rule.remoteAddressGroupUid ?? [])), nb)
  // Never after the group: a guard of a version that knew no tiers would drop what the group's rules, in a later tier, let pass.
  if (nb.findNamed('Port_Group', GUARD_GROUP)) planGuardGroup(plan, nb)
  const name = groupName(want.uid)
  const held = nb.findNamed('Port_Group', name)
  for (const copy of copiesOf(want.uid, held, nb)) plan.remove('Port_Group', copy)
  planLogMeters(plan, want, nb)
  planGroup(plan, held, name, markOf(want), rulesOf(want), nb)
  return plan
}

/** ACLs go with their group; the ports stay and are guarded as before. */
export function planSecurityGroupRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  const held = nb.findNamed('Port_Group', groupName(uid))
  if (held) plan.remove('Port_Group', held)
  for (const copy of copiesOf(uid, held, nb)) plan.remove('Port_Group', copy)
  planLogMeters(plan, { uid }, nb)
  return plan
}

/** Rows that claim to be the group under other names, under which no rule or port finds them. */
function copiesOf(uid: string, held: FoundRow | undefined, nb: Northbound): FoundRow[] {
  return nb.all('SecurityGroup', uid).filter((row) => row.uuid !== held?.uuid)
}

/**
 * The group of all guarded ports, made with the first of them. What a guest needs to be one passes whatever its groups say: DHCP in both
 * families, the node's metadata service and resolver, and what neighbours and routers tell each other (RFC 4890 section 4.4). Guests are no routers: their redirects go nowhere
 * whatever their groups say. Their advertisements no rule can stop: OVN passes them at priority 65532 of each table (docs/security.md).
 */
export function planGuardGroup(plan: Plan, nb: Northbound): void {
  const [from, to] = [`inport == @${GUARD_GROUP}`, `outport == @${GUARD_GROUP}`]
  const link = 'ip6 && ip.ttl == 255 && icmp6'
  const dhcp4 = `ip4 && ip4.dst == {255.255.255.255, ${METADATA_ADDRESS}} && udp && udp.src == 68 && udp.dst == 67`
  const dhcp6 = 'ip6 && ip6.dst == ff02::1:2 && udp && udp.src == 546 && udp.dst == 547'
  const [onNode4, onNode6] = ON_NODE.map(({ there }) => there)
  const rules = [
    // Where no rule of a tier matches, OVN (25.03) lets every second packet of a connection pass that a later tier has ended.
    { ...acl('from-lport', 0, `${from} && ip`, 'pass', GUARD_GROUP), tier: FIREWALL_TIER },
    { ...acl('to-lport', 0, `${to} && ip`, 'pass', GUARD_GROUP), tier: FIREWALL_TIER },
    acl('from-lport', LOGGED_PRIORITY + 1, `${from} && ip6 && icmp6.type == 137`, 'drop', GUARD_GROUP),
    acl('from-lport', ALLOW_PRIORITY, `${from} && ${dhcp4}`, 'allow', GUARD_GROUP),
    acl('from-lport', ALLOW_PRIORITY, `${from} && ${dhcp6}`, 'allow', GUARD_GROUP),
    acl('from-lport', ALLOW_PRIORITY, `${from} && ${onNode4}`, 'allow-related', GUARD_GROUP),
    acl('from-lport', ALLOW_PRIORITY, `${from} && ${onNode6}`, 'allow-related', GUARD_GROUP),
    acl('from-lport', ALLOW_PRIORITY, `${from} && ${link} && icmp6.type == {133, 135, 136}`, 'allow', GUARD_GROUP),
    acl('from-lport', ALLOW_PRIORITY, `${from} && ip6 && icmp6.type == {131, 132, 143}`, 'allow', GUARD_GROUP),
    acl('to-lport', ALLOW_PRIORITY, `${to} && ${link} && icmp6.type == {134, 135, 136}`, 'allow', GUARD_GROUP),
    acl('to-lport', ALLOW_PRIORITY, `${to} && ip6 && icmp6.type == 130`, 'allow', GUARD_GROUP),
    acl('from-lport', DROP_PRIORITY, `${from} && ip`, 'drop', GUARD_GROUP),
    acl('to-lport', DROP_PRIORITY, `${to} && ip`, 'drop', GUARD_GROUP),
  ]
  planGroup(plan, nb.findNamed('Port_Group', GUARD_GROUP), GUARD_GROUP, partMark('GuardGroup', GUARD_GROUP), rules, nb)
}

/**
 * Takes a port out of all groups of ours but those of these names. A group that is not ours was put there by somebody who meant it.
 * @returns the names of the groups that it stays in
 */
export function planOutOfGroups(plan: Plan, nb: Northbound, held: FoundRow, keep: ReadonlySet<string>): Set<string> {
  const kept = new Set<string>()
  for (const group of nb.groupsOf(held.uuid)) {
    const name = readString(group.row['name']) ?? ''
    if (keep.has(name)) kept.add(name)
    else if (name === GUARD_GROUP || name.startsWith(GROUP_PREFIX)) {
      const mutations = [['ports', 'delete', setOf([uuidOf(held.uuid)])]] as const
      plan.push({ op: 'mutate', table: 'Port_Group', where: byUuid(group.uuid), mutations })
    }
  }
  return kept
}

/** Groups referenced before their own controller has created them: without a row, a match on their address set would not parse. */
export function planPlaceholders(plan: Plan, uids: ReadonlySet<string>, nb: Northbound): void {
  for (const uid of [...uids].sort()) {
    const name = groupName(uid)
    if (nb.findNamed('Port_Group', name)) continue
    const external_ids = markOf({ kind: 'SecurityGroup', uid, namespace: '', name: '', generation: 0 })
    plan.insert('Port_Group', { name, external_ids })
  }
}

function planGroup(
  plan: Plan,
  held: FoundRow | undefined,
  name: string,
  external_ids: OvsRow[string],
  rules: readonly OvsRow[],
  nb: Northbound,
): void {
  if (!held) {
    plan.insert('Port_Group', { name, external_ids, acls: setOf(rules.map((rule) => plan.insert('ACL', rule))) })
    return
  }
  plan.ensure('Port_Group', held, { name, external_ids })
  planAcls(plan, held, rules, nb)
}

/** The rules of a group that stands. Its ports are left alone. */
export function planAcls(plan: Plan, held: FoundRow, rules: readonly OvsRow[], nb: Northbound): void {
  const missing = new Map(rules.map((rule) => [aclKey(rule), rule]))
  const surplus: string[] = []
  for (const uuid of readUuids(held.row['acls'])) {
    const row = nb.get('ACL', uuid)?.row
    if (!row || !missing.delete(aclKey(row))) surplus.push(uuid)
  }
  const added: OvsNamedUuid[] = [...missing.values()].map((rule) => plan.insert('ACL', rule))
  plan.exchange('Port_Group', held.uuid, 'acls', { out: surplus.map(uuidOf), into: added })
}

function aclKey(row: OvsRow): string {
  const log = row['log'] === true ? ['name', 'severity', 'meter'] : []
  return ['direction', 'priority', 'match', 'action', 'tier', 'external_ids', ...log]
    .map((c) => canonical(row[c] ?? ''))
    .join()
}

function meaningOf(row: OvsRow): string {
  return ['direction', 'priority', 'match'].map((c) => canonical(row[c] ?? '')).join()
}

function acl(direction: string, priority: number, match: string, action: string, uid: string): OvsRow {
  return { direction, priority, match, action, tier: GROUP_TIER, external_ids: partMark('Rule', uid) }
}

/** Rules with the same meaning are one. */
function rulesOf(want: LogicalSecurityGroup): OvsRow[] {
  const { uid, stateless } = want
  const name = groupName(uid)
  const rows = want.rules.flatMap((rule) => {
    const direction = rule.direction === 'ingress' ? 'to-lport' : 'from-lport'
    const action = stateless ? 'allow-stateless' : 'allow-related'
    return withLog(acl(direction, ALLOW_PRIORITY, ruleMatch(rule, name), action, uid), rule, want)
  })
  if (stateless) rows.push(...statelessServices(name, uid))
  rows.push(...loggedDrops(want, (direction, match) => acl(direction, LOGGED_DROP_PRIORITY, match, 'drop', uid)))
  return [...new Map(rows.map((row) => [meaningOf(row), row])).values()]
}

/**
 * What a stateless rule matches is tracked in neither direction, whatever else matches it, so that the services of the node need a stateless
 * way there and back. No TCP connection begins by the way back: it is for packets with the flag ACK alone. ovn-nb(5), allow-stateless.
 */
function statelessServices(group: string, uid: string): OvsRow[] {
  return ON_NODE.flatMap(({ there, back }) => [
    acl('from-lport', ALLOW_PRIORITY, `inport == @${group} && ${there}`, 'allow-stateless', uid),
    acl('to-lport', ALLOW_PRIORITY, `outport == @${group} && ${back}`, 'allow-stateless', uid),
  ])
}

/** Each node's metadata service and resolver: what guests send them, and get back. */
const ON_NODE = (
  [
    ['ip4', METADATA_ADDRESS],
    ['ip6', METADATA_ADDRESS_V6],
  ] as const
).map(([ip, address]) => ({
  there: `${ip} && ${ip}.dst == ${address} && (tcp.dst == {53, 80} || udp.dst == 53)`,
  back: `${ip} && ${ip}.src == ${address} && ((tcp.src == {53, 80} && tcp.flags == 0x10/0x10) || udp.src == 53)`,
}))
