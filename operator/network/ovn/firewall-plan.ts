// SPDX-License-Identifier: Apache-2.0
import { announcerMac } from '../../../lib/contract/metadata-port.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalFirewallGroup, LogicalFirewallRule } from '../logical-kinds.ts'
import { familyOf, normalAddress, normalMac } from './addresses.ts'
import { firewallMatch } from './firewall-match.ts'
import { FIREWALL_TIER } from './group-plan.ts'
import { planListedGroup } from './listed-group.ts'
import { markOf, partMark } from './marks.ts'
import { symbolOf } from './match-words.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { FIREWALL_PREFIX } from './northbound-tables.ts'
import { Plan } from './plan.ts'
import { planOpen, routerPortName, switchEndName } from './router-port.ts'

/** ovn-nb(5), ACL priority, 0 to 32767: what is for the router itself, the rules from here downwards, and what is left. */
const OWN_PRIORITY = 32_000
const FIRST_PRIORITY = 30_000
const REST_PRIORITY = 1

const ACTIONS = { allow: 'pass', deny: 'drop', reject: 'reject' } as const

/**
 * FirewallGroup → Port_Group of the routers' ports on the switches, with ACLs of the first tier: what it allows is passed on to the security
 * groups, which commit the connection; answers pass before any tier. OVN tracks no connection at a router's port, so what comes from a router
 * is matched where it arrives, and what goes to one where it is sent, by the router's MAC address.
 * A router's port that is missing is postponed: it holds up no other.
 */
export function planFirewallGroup(want: LogicalFirewallGroup, nb: Northbound): Plan {
  const plan = new Plan()
  const name = symbolOf(FIREWALL_PREFIX, want.uid)
  const ends = want.ports.flatMap(({ routerUid, legUid }) => findEnd(plan, routerPortName(routerUid, legUid), nb))
  const held = nb.findNamed('Port_Group', name)
  for (const copy of copiesOf(want.uid, held, nb)) plan.remove('Port_Group', copy)
  planListedGroup(plan, held, { name, external_ids: markOf(want), ports: ends, rules: firewallRules(want, name) }, nb)
  return plan
}

/** ACLs go with their group. */
export function planFirewallGroupRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  const held = nb.findNamed('Port_Group', symbolOf(FIREWALL_PREFIX, uid))
  for (const row of [...(held ? [held] : []), ...copiesOf(uid, held, nb)]) plan.remove('Port_Group', row)
  return plan
}

/** Which rule of its direction an ACL is; undefined: the one that drops what is left. */
export function ruleOfPriority(priority: number): number | undefined {
  return priority > REST_PRIORITY && priority <= FIRST_PRIORITY ? FIRST_PRIORITY - priority : undefined
}

function copiesOf(uid: string, held: FoundRow | undefined, nb: Northbound): FoundRow[] {
  return nb.all('FirewallGroup', uid).filter((row) => row.uuid !== held?.uuid)
}

/** Row of a router's port on the switch, if it is there. The port is open with the rules: they come by one transaction. */
function findEnd(plan: Plan, port: string, nb: Northbound): string[] {
  const end = nb.findNamed('Logical_Switch_Port', switchEndName(port))
  if (end) {
    planOpen(plan, port, nb)
    return [end.uuid]
  }
  plan.postponed ??= new TransientError('NetworkNotReady', `router port ${port} is not in OVN yet`)
  return []
}

function macOf({ legUid, mac }: LogicalFirewallGroup['ports'][number]): string {
  return mac === undefined ? announcerMac(legUid) : normalMac(mac)
}

function firewallRules(want: LogicalFirewallGroup, name: string): OvsRow[] {
  if (want.ports.length === 0) return []
  const rule = (direction: string, priority: number, action: string, ...match: string[]): OvsRow => ({
    ...{ direction, priority, action, match: match.join(' && '), tier: FIREWALL_TIER },
    external_ids: partMark('Rule', want.uid),
  })
  const ordered = (direction: string, where: string, rules: readonly LogicalFirewallRule[]) =>
    rules.map((one, i) => rule(direction, FIRST_PRIORITY - i, ACTIONS[one.action], where, firewallMatch(one)))
  const from = `inport == @${name}`
  const to = `eth.dst == {${[...new Set(want.ports.map(macOf))].sort().join(', ')}}`
  const { ingress, egress } = want
  return [
    ...(ingress ? [...ordered('to-lport', from, ingress), rule('to-lport', REST_PRIORITY, 'drop', from, 'ip')] : []),
    ...(egress ? [...toRouters(), ...ordered('from-lport', to, egress)] : []),
    ...(egress ? [rule('from-lport', REST_PRIORITY, 'drop', to, 'ip')] : []),
    // Routers also take what is sent to all by its MAC address and to one by its IP address.
    ...(egress ? [rule('to-lport', FIRST_PRIORITY, 'drop', `outport == @${name}`, 'eth.mcast', UNICAST)] : []),
  ]

  /** What ends at the router, such as a ping of the gateway, is not forwarded and so not judged. */
  function toRouters(): OvsRow[] {
    const addresses = [...new Set(want.ports.flatMap((port) => port.addresses.map(normalAddress)))].sort()
    return (['IPv4', 'IPv6'] as const).flatMap((family) => {
      const ip = family === 'IPv4' ? 'ip4' : 'ip6'
      const ours = addresses.filter((address) => familyOf(address) === family)
      const match = `${ip}.dst == {${ours.join(', ')}}`
      return ours.length === 0 ? [] : [rule('from-lport', OWN_PRIORITY, 'pass', to, match)]
    })
  }
}

const UNICAST = '((ip4 && !ip4.mcast) || (ip6 && !ip6.mcast))'
