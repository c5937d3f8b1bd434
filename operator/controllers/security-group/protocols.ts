// SPDX-License-Identifier: Apache-2.0
import type { LogicalRule } from '../../network/logical-kinds.ts'

/** IANA's numbers for Neutron's names. https://www.iana.org/assignments/protocol-numbers */
const NUMBERS: ReadonlyMap<string, number> = new Map([
  ['igmp', 2],
  ['ipip', 4],
  ['egp', 8],
  ['dccp', 33],
  ['ipv6-encap', 41],
  ['rsvp', 46],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['ospf', 89],
  ['vrrp', 112],
  ['pgm', 113],
  ['udplite', 136],
])

/** A rule's protocol: the schema lets a name or a number in. */
export function toProtocol(text = 'any'): LogicalRule['protocol'] {
  switch (text) {
    case 'any':
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'icmp':
    case 'icmpv6':
      return text
    default:
      return NUMBERS.get(text) ?? Number(text)
  }
}
