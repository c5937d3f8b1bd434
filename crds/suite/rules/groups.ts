// SPDX-License-Identifier: Apache-2.0
import { CIDRS } from './values.ts'
import { changed, type RuleCase } from './rule-case.ts'

/** Of the list of a group's rules, and of those that a new group `default` gets. */
const rulesOfGroup = (kind: string, list: string): RuleCase[] => [
  {
    kind,
    path: `${list}[].remoteIPPrefix`,
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ [`${list}[0].remoteIPPrefix`]: cidr })),
    good: [{ [`${list}[0].remoteIPPrefix`]: '0.0.0.0/0' }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'write both portRangeMin and portRangeMax',
    bad: [
      { [`${list}[0].portRangeMin`]: 444 },
      { [`${list}[0].portRangeMin`]: undefined },
      { [`${list}[0].portRangeMax`]: undefined },
    ],
    good: [{ [`${list}[0].portRangeMin`]: 443 }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'ports go with tcp, udp and sctp alone',
    bad: [
      { [`${list}[0].protocol`]: 'icmp' },
      { [`${list}[0].protocol`]: undefined },
      { [`${list}[0].protocol`]: '6' },
    ],
    good: [{ [`${list}[0].protocol`]: 'udp' }, { [`${list}[0].protocol`]: 'sctp' }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'icmpType goes with ICMP alone',
    bad: [{ [`${list}[1].protocol`]: 'tcp' }, { [`${list}[1].protocol`]: '58' }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'a code means something only of one type',
    bad: [{ [`${list}[1].icmpType`]: undefined }],
    good: [{ [`${list}[1].icmpCode`]: undefined }],
  },
  {
    kind,
    path: `${list}[].protocol`,
    says: 'write any, tcp, udp',
    bad: ['TCP', '256', '-1', '06', '4 || 1', 'ip'].map((protocol) => ({
      [`${list}[2]`]: { direction: 'ingress', protocol },
    })),
    good: ['any', 'gre', '0', '47', '255'].map((protocol) => ({ [`${list}[2]`]: { direction: 'ingress', protocol } })),
  },
  {
    kind,
    path: `${list}[]`,
    says: 'write protocol: icmp with etherType: IPv4',
    bad: [{ [`${list}[1].protocol`]: 'icmp' }, { [`${list}[1].etherType`]: 'IPv4' }],
  },
  {
    kind,
    path: `${list}[]`,
    says: 'write the etherType of the remoteIPPrefix',
    bad: [{ [`${list}[0].remoteIPPrefix`]: 'fd00::/64' }, { [`${list}[0].etherType`]: 'IPv6' }],
    good: [{ [`${list}[0].remoteIPPrefix`]: 'fd00::/64', [`${list}[0].etherType`]: 'IPv6' }],
  },
]

export const SECURITY_GROUP: RuleCase[] = [
  ...rulesOfGroup('SecurityGroup', 'spec.rules'),
  ...rulesOfGroup('Cloud', 'spec.defaultSecurityGroupRules'),
  changed('SecurityGroup', 'spec.stateful', 'stateful cannot be changed', [{ 'spec.stateful': false }]),
  {
    kind: 'SecurityGroup',
    path: 'spec.rules[]',
    says: 'write one of remoteIPPrefix, remoteGroupRef and',
    bad: [
      { 'spec.rules[0].remoteGroupRef': { name: 'default' } },
      { 'spec.rules[0].remoteAddressGroupRef': { name: 'partners' } },
    ],
  },
  {
    kind: 'Cloud',
    path: 'spec.defaultSecurityGroupRules[]',
    says: 'write one of remoteIPPrefix and remoteMembers',
    bad: { 'spec.defaultSecurityGroupRules[0].remoteMembers': true },
  },
]

export const ADDRESS_GROUP: RuleCase[] = [
  {
    kind: 'AddressGroup',
    path: 'spec.addresses[]',
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ 'spec.addresses[0]': cidr })),
    good: [{ 'spec.addresses[0]': '0.0.0.0/0' }, { 'spec.addresses': [] }],
  },
]
