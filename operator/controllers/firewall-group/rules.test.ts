// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { toLogical } from './rules.ts'

type Rule = Parameters<typeof toLogical>[0]

test.each<[string, Rule, string[]]>([
  ['says none', { action: 'allow' }, ['IPv4', 'IPv6']],
  ['says one', { action: 'deny', etherType: 'IPv6' }, ['IPv6']],
  ['has a source', { action: 'allow', sourceIPPrefix: '10.0.0.0/8' }, ['IPv4']],
  ['has a destination', { action: 'allow', destinationIPPrefix: 'fd00::/8' }, ['IPv6']],
  ['is for icmp', { action: 'allow', protocol: 'icmp' }, ['IPv4']],
  ['is for icmpv6', { action: 'allow', protocol: 'icmpv6' }, ['IPv6']],
  ['is passed over', { action: 'allow', enabled: false }, []],
])('a rule that %s is for its families', (_, rule, families) =>
  expect(toLogical(rule).map(({ etherType }) => etherType)).toEqual(families),
)

test('one port is a range of one', () => {
  const rule: Rule = {
    action: 'reject',
    protocol: 'tcp',
    etherType: 'IPv4',
    sourcePorts: { minimum: 1024, maximum: 65535 },
  }
  expect(toLogical({ ...rule, destinationPorts: { minimum: 22 } })).toEqual([
    {
      action: 'reject',
      etherType: 'IPv4',
      protocol: 'tcp',
      source: { ports: [1024, 65535] },
      destination: { ports: [22, 22] },
    },
  ])
})
