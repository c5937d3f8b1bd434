// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { parseLogLine } from './log-line.ts'

const UID = '5d7a2f3e-8a31-4c0e-9f0a-0c8d3f1b2a47'
const begin = '2026-11-29T18:00:00.123Z|00042|acl_log(ovn_pinctrl0)|INFO|'
const said = (name: string, verdict = 'drop', direction = 'to-lport') =>
  `${begin}name="${name}", verdict=${verdict}, severity=info, direction=${direction}: `
const macs = 'vlan_tci=0x0000,dl_src=fa:16:3e:00:00:01,dl_dst=fa:16:3e:00:00:02'
const v4 = `${macs},nw_src=10.0.0.5,nw_dst=10.0.1.7,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no`
const v6 = `${macs},ipv6_src=fd00::5,ipv6_dst=fd00::7,ipv6_label=0x00000,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no`
const packet = {
  group: UID,
  sourceMac: 'fa:16:3e:00:00:01',
  destinationMac: 'fa:16:3e:00:00:02',
}

test.each([
  [
    `${said(`nsg/${UID}/3`, 'allow')}tcp,${v4},tp_src=40000,tp_dst=22,tcp_flags=syn`,
    { rule: 3, verdict: 'accepted', direction: 'ingress' },
    { protocol: 'tcp', source: '10.0.0.5', destination: '10.0.1.7', sourcePort: 40_000, destinationPort: 22 },
  ],
  [
    `${said(`nsg/${UID}/drop`)}udp6,${v6},tp_src=1,tp_dst=65535`,
    { rule: 'drop', verdict: 'dropped', direction: 'ingress' },
    { protocol: 'udp', source: 'fd00::5', destination: 'fd00::7', sourcePort: 1, destinationPort: 65_535 },
  ],
  [
    `${said(`nsg/${UID}/open`, 'allow', 'from-lport')}icmp,${v4},icmp_type=8,icmp_code=0`,
    { rule: 'open', verdict: 'accepted', direction: 'egress' },
    { protocol: 'icmp', source: '10.0.0.5', destination: '10.0.1.7', icmpType: 8, icmpCode: 0 },
  ],
  [
    `${said(`nsg/${UID}/0`)}icmp6,${v6},icmp_type=128,icmp_code=0`,
    { rule: 0, verdict: 'dropped', direction: 'ingress' },
    { protocol: 'icmp6', source: 'fd00::5', destination: 'fd00::7', icmpType: 128, icmpCode: 0 },
  ],
  [
    `${said(`nsg/${UID}/drop`)}ip,${v4.replace('nw_tos', 'nw_proto=47,nw_tos')}`,
    { rule: 'drop', verdict: 'dropped', direction: 'ingress' },
    { protocol: '47', source: '10.0.0.5', destination: '10.0.1.7' },
  ],
  // A fragment has no ports.
  [
    `${said(`nsg/${UID}/drop`)}tcp,${v4.replace('nw_frag=no', 'nw_frag=later')},tp_src=0,tp_dst=0`,
    { rule: 'drop', verdict: 'dropped', direction: 'ingress' },
    { protocol: 'tcp', source: '10.0.0.5', destination: '10.0.1.7', sourcePort: 0, destinationPort: 0 },
  ],
])('%s', (line, head, flow) => {
  expect(parseLogLine(line)).toEqual({ ...packet, ...head, flow })
})

describe('what is no word of ours', () => {
  const good = `${said(`nsg/${UID}/drop`)}tcp,${v4},tp_src=1,tp_dst=2,tcp_flags=syn`
  test.each([
    ['another module', good.replace('acl_log', 'binding')],
    ['a rule without a name', good.replace(`nsg/${UID}/drop`, '<unnamed>')],
    ['a name of another', good.replace('nsg/', 'neutron-')],
    ['a rule that is none', good.replace('/drop', '/-1')],
    ['a verdict of firewalls', good.replace('verdict=drop', 'verdict=pass')],
    ['something before it', `x ${good}`],
    ['something after it', `${good}\r`],
    ['a control character', good.replace('syn', 'syn\x1b[2J')],
    ['a second line in it', good.replace('syn', 'syn\u2028')],
    ['no address', good.replace('10.0.0.5', '10.0.0.555')],
    ['half a line', good.slice(0, good.indexOf('nw_dst'))],
    ['no end', `${good},${'x'.repeat(5_000)}`],
    ['nothing', ''],
  ])('%s', (_, line) => {
    expect(parseLogLine(good)).toBeDefined()
    expect(parseLogLine(line)).toBeUndefined()
  })
})
