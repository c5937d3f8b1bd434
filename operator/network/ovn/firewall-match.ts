// SPDX-License-Identifier: Apache-2.0
import { TerminalError } from '../../../lib/errors.ts'
import type { LogicalFirewallEnd, LogicalFirewallRule } from '../logical-kinds.ts'
import { familyOf, normalPrefix } from './addresses.ts'
import { checkedPort, rangeMatch } from './match-words.ts'

/** What a packet has to be for a rule, in OVN's expression language (ovn-sb(5)). Every part is ours, or parsed and reformatted. */
export function firewallMatch({ etherType, protocol, source, destination }: LogicalFirewallRule): string {
  const ip = etherType === 'IPv4' ? 'ip4' : 'ip6'
  return [
    ip,
    ...prefixMatch(source, `${ip}.src`, etherType),
    ...prefixMatch(destination, `${ip}.dst`, etherType),
    ...(protocol === 'any' ? [] : [PROTOCOLS[protocol]]),
    ...portMatch(source, protocol, 'src'),
    ...portMatch(destination, protocol, 'dst'),
  ].join(' && ')
}

/** What users write, as OVN does. */
const PROTOCOLS = { tcp: 'tcp', udp: 'udp', sctp: 'sctp', icmp: 'icmp4', icmpv6: 'icmp6' } as const

function prefixMatch({ prefix }: LogicalFirewallEnd, field: string, etherType: 'IPv4' | 'IPv6'): string[] {
  if (prefix === undefined) return []
  const normal = normalPrefix(prefix)
  if (familyOf(normal) !== etherType)
    throw new TerminalError('InvalidRule', `${normal} is not of etherType ${etherType}`)
  return normal.endsWith('/0') ? [] : [`${field} == ${normal}`]
}

function portMatch(
  { ports }: LogicalFirewallEnd,
  protocol: LogicalFirewallRule['protocol'],
  end: 'src' | 'dst',
): string[] {
  if (!ports) return []
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
    throw new TerminalError('InvalidRule', `protocol ${protocol} has no ports`)
  const [first, last] = ports
  return rangeMatch(`${protocol}.${end}`, checkedPort(first), checkedPort(last))
}
