// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { TerminalError } from '../../../lib/errors.ts'
import type { LogicalFirewallRule } from '../logical-kinds.ts'
import { firewallMatch } from './firewall-match.ts'

const any: LogicalFirewallRule = { action: 'allow', etherType: 'IPv4', protocol: 'any', source: {}, destination: {} }
test.each<[Partial<LogicalFirewallRule>, string]>([
  [{}, 'ip4'],
  [{ etherType: 'IPv6', protocol: 'icmpv6' }, 'ip6 && icmp6'],
  [{ source: { prefix: '0.0.0.0/0' } }, 'ip4'],
  [
    { protocol: 'tcp', source: { prefix: '10.1.2.3/8' }, destination: { prefix: '10.0.0.1', ports: [80, 80] } },
    'ip4 && ip4.src == 10.0.0.0/8 && ip4.dst == 10.0.0.1/32 && tcp && tcp.dst == 80',
  ],
  [
    { protocol: 'sctp', source: { ports: [1, 9] }, destination: { ports: [5, 6] } },
    'ip4 && sctp && sctp.src >= 1 && sctp.src <= 9 && sctp.dst >= 5 && sctp.dst <= 6',
  ],
])('%j', (more, match) => expect(firewallMatch({ ...any, ...more })).toBe(match))

test.each<Partial<LogicalFirewallRule>>([
  { source: { prefix: 'fd00::/8' } },
  { source: { ports: [1, 2] } },
  { protocol: 'tcp', destination: { ports: [0, 80] } },
  { protocol: 'tcp', destination: { ports: [1, 65536] } },
  { protocol: 'udp', destination: { ports: [1.5, 2] } },
])('refuses %j', (more) => expect(() => firewallMatch({ ...any, ...more })).toThrow(TerminalError))

test('whatever a prefix is, no word of it reaches the match', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.ipV4(),
        fc.string().map((s) => `10.0.0.0/8${s}`),
      ),
      (prefix) => {
        let match = ''
        try {
          match = firewallMatch({ ...any, source: { prefix } })
        } catch (error) {
          expect(error).toBeInstanceOf(TerminalError)
          return
        }
        expect(match).toMatch(/^ip4( && ip4\.src == [\d.]+\/\d+)?$/)
      },
    ),
  )
})
