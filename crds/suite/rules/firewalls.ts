// SPDX-License-Identifier: Apache-2.0
import { CIDRS } from './values.ts'
import { type RuleCase } from './rule-case.ts'

const FIREWALL_RULE = 'spec.rules[0]'

export const FIREWALL: RuleCase[] = [
  ...['sourceIPPrefix', 'destinationIPPrefix'].map((end) => ({
    kind: 'FirewallPolicy',
    path: `spec.rules[].${end}`,
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ [`${FIREWALL_RULE}.${end}`]: cidr })),
    good: [{ [`${FIREWALL_RULE}.${end}`]: '192.0.2.0/24' }],
  })),
  ...['sourcePorts', 'destinationPorts'].map((end) => ({
    kind: 'FirewallPolicy',
    path: `spec.rules[].${end}`,
    says: 'write a minimum that is not above the maximum',
    bad: { [`${FIREWALL_RULE}.${end}`]: { minimum: 81, maximum: 80 } },
    good: [
      { [`${FIREWALL_RULE}.${end}`]: { minimum: 80, maximum: 80 } },
      { [`${FIREWALL_RULE}.${end}`]: { minimum: 80 } },
    ],
  })),
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'ports go with tcp, udp and sctp alone',
    bad: [{ [`${FIREWALL_RULE}.protocol`]: 'icmp' }, { [`${FIREWALL_RULE}.protocol`]: undefined }],
    good: [{ [`${FIREWALL_RULE}.protocol`]: 'sctp' }],
  },
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'write sourceIPPrefix and destinationIPPrefix of one family',
    bad: { [`${FIREWALL_RULE}.sourceIPPrefix`]: 'fd00::/64', [`${FIREWALL_RULE}.etherType`]: undefined },
    good: [{ [`${FIREWALL_RULE}.sourceIPPrefix`]: undefined }],
  },
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'write the etherType of the prefixes',
    bad: [
      { [`${FIREWALL_RULE}.etherType`]: 'IPv6' },
      { 'spec.rules[1].etherType': 'IPv4', 'spec.rules[1].destinationIPPrefix': 'fd00::/64' },
    ],
    good: [{ [`${FIREWALL_RULE}.etherType`]: undefined }, { 'spec.rules[1].etherType': 'IPv6' }],
  },
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'write protocol: icmp with etherType: IPv4',
    bad: [
      { 'spec.rules[1].protocol': 'icmp', 'spec.rules[1].etherType': 'IPv6' },
      { 'spec.rules[1].protocol': 'icmpv6', 'spec.rules[1].etherType': 'IPv4' },
    ],
    good: [
      { 'spec.rules[1].protocol': 'icmp' },
      { 'spec.rules[1].protocol': 'icmpv6', 'spec.rules[1].etherType': 'IPv6' },
    ],
  },
  {
    kind: 'FirewallPolicy',
    path: 'spec.rules[]',
    says: 'write protocol: icmp with prefixes of IPv4',
    bad: [
      { 'spec.rules[1].protocol': 'icmp', 'spec.rules[1].sourceIPPrefix': 'fd00::/64' },
      { 'spec.rules[1].protocol': 'icmpv6', 'spec.rules[1].destinationIPPrefix': '10.0.0.0/8' },
    ],
    good: [{ 'spec.rules[1].protocol': 'icmpv6', 'spec.rules[1].sourceIPPrefix': 'fd00::/64' }],
  },
  {
    kind: 'FirewallGroup',
    path: 'spec',
    says: 'write ingress or egress or both',
    bad: { 'spec.ingress': undefined, 'spec.egress': undefined },
    good: [{ 'spec.ingress': undefined }, { 'spec.egress': undefined }],
  },
]
