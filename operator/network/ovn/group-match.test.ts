// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { TerminalError } from '../../../lib/errors.ts'
import type { LogicalRule } from '../logical-kinds.ts'
import { ruleMatch } from './group-match.ts'

const rule = (more: Partial<LogicalRule>): LogicalRule => ({
  direction: 'ingress',
  etherType: 'IPv4',
  protocol: 'any',
  ...more,
})

test.each<[Partial<LogicalRule>, string]>([
  [{}, 'outport == @g && ip4'],
  [{ direction: 'egress' }, 'inport == @g && ip4'],
  [{ direction: 'egress', etherType: 'IPv6' }, 'inport == @g && ip6'],
  [
    { remoteIPPrefix: '10.1.2.3/8', protocol: 'tcp', portRangeMin: 22 },
    'outport == @g && ip4 && ip4.src == 10.0.0.0/8 && tcp && tcp.dst == 22',
  ],
  [
    { protocol: 'udp', portRangeMin: 10, portRangeMax: 20 },
    'outport == @g && ip4 && udp && udp.dst >= 10 && udp.dst <= 20',
  ],
  [{ protocol: 'sctp', portRangeMin: 5, portRangeMax: 5 }, 'outport == @g && ip4 && sctp && sctp.dst == 5'],
  [{ protocol: 'sctp' }, 'outport == @g && ip4 && sctp'],
  [{ remoteGroupUid: 'a-b' }, 'outport == @g && ip4 && ip4.src == $nsg_a_b_ip4'],
  [{ direction: 'egress', remoteGroupUid: 'a-b' }, 'inport == @g && ip4 && ip4.dst == $nsg_a_b_ip4'],
  [
    { etherType: 'IPv6', remoteAddressGroupUid: 'a-b', protocol: 'tcp' },
    'outport == @g && ip6 && ip6.src == $nag_a_b_ip6 && tcp',
  ],
  [{ protocol: 'icmp' }, 'outport == @g && ip4 && icmp4'],
  [{ protocol: 'icmp', icmpType: 0 }, 'outport == @g && ip4 && icmp4 && icmp4.type == 0'],
  [
    { protocol: 'icmp', icmpType: 3, icmpCode: 4 },
    'outport == @g && ip4 && icmp4 && icmp4.type == 3 && icmp4.code == 4',
  ],
  [
    { etherType: 'IPv6', protocol: 'icmpv6', icmpType: 1, icmpCode: 0 },
    'outport == @g && ip6 && icmp6 && icmp6.type == 1 && icmp6.code == 0',
  ],
  [{ protocol: 47 }, 'outport == @g && ip4 && ip.proto == 47'],
  [{ etherType: 'IPv6', protocol: 0 }, 'outport == @g && ip6 && ip.proto == 0'],
  [{ remoteIPPrefix: '0.0.0.0/0' }, 'outport == @g && ip4'],
])('%j', (more, match) => expect(ruleMatch(rule(more), 'g')).toBe(match))

test.each<Partial<LogicalRule>>([
  { remoteIPPrefix: '10.0.0.0/8 || 1' },
  { remoteIPPrefix: '::/0' },
  { remoteIPPrefix: '10.0.0.0/33' },
  { protocol: 'tcp', portRangeMin: 70000 },
  { protocol: 'tcp', portRangeMin: 1.5 },
  { protocol: 'icmp', icmpType: 256 },
  { protocol: 'icmp', icmpType: 3, icmpCode: -1 },
  { protocol: 256 },
  { remoteGroupUid: 'x && drop' },
  { remoteAddressGroupUid: 'x && drop' },
])('refuses %j', (more) => expect(() => ruleMatch(rule(more), 'g')).toThrow(TerminalError))

test('whatever stands in the fields, the match is of this form', () => {
  const junk = fc.oneof(fc.string(), fc.constantFrom('1 || ip', '$x', '@g', '', 'tcp'), fc.double())
  const field = (...good: fc.Arbitrary<unknown>[]) => fc.oneof(junk, fc.constant(undefined), ...good)
  const number = fc.integer({ min: -1, max: 70_000 })
  const hostile = fc.record({
    direction: field(fc.constantFrom('ingress', 'egress')),
    etherType: field(fc.constantFrom('IPv4', 'IPv6')),
    protocol: field(fc.constantFrom('any', 'tcp', 'udp', 'sctp', 'icmp', 'icmpv6'), number),
    ...{ portRangeMin: field(number), portRangeMax: field(number), icmpType: field(number), icmpCode: field(number) },
    remoteIPPrefix: fc.oneof(fc.constant(undefined), fc.string(), fc.ipV4(), fc.ipV6()),
    remoteGroupUid: fc.oneof(fc.constant(undefined), fc.string(), fc.uuid()),
    remoteAddressGroupUid: fc.oneof(fc.constant(undefined), fc.string(), fc.uuid()),
  })
  const FORM = new RegExp(
    '^(in|out)port == @g && ip[46]( && ip[46]\\.(src|dst) == [0-9a-f.:]+/[0-9]+)?( && ip[46]\\.(src|dst) == \\$nsg_[a-z0-9_]+_ip[46])?( && ip[46]\\.(src|dst) == \\$nag_[a-z0-9_]+_ip[46])?' +
      '( && (tcp|udp|sctp|icmp4|icmp6)( && [a-z0-9]+\\.(dst|type) (==|>=) [0-9]+)?( && [a-z0-9]+\\.(dst|code) (<=|==) [0-9]+)?)?( && ip\\.proto == [0-9]+)?$',
  )
  let formed = 0
  fc.assert(
    fc.property(hostile, (fields) => {
      try {
        expect(ruleMatch(fields as unknown as LogicalRule, 'g')).toMatch(FORM)
        formed++
      } catch (error) {
        if (!(error instanceof TerminalError)) throw error
      }
    }),
    { numRuns: 2000 },
  )
  expect(formed).toBeGreaterThan(0)
})
