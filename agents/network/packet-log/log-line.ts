// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net'
import { parseRuleName, type LoggedRule, type PacketFlow } from '../../../lib/contract/packet-log.ts'

/** A packet that a rule of ours has logged. */
export interface LoggedPacket {
  group: string
  rule: LoggedRule
  verdict: 'accepted' | 'dropped'
  direction: 'ingress' | 'egress'
  sourceMac: string
  destinationMac: string
  flow: PacketFlow
}

/**
 * ovn-controller's line of its module acl_log: its own words, and the headers of the packet as OVS formats flows, which are numbers and
 * addresses alone: what a guest writes into a packet reaches no line. Lines of others may follow, so only a line that is whole counts.
 * https://github.com/ovn-org/ovn/blob/v25.03.0/lib/acl-log.c
 * `2026-01-01T00:00:00.000Z|00042|acl_log(ovn_pinctrl0)|INFO|name="nsg/UID/3", verdict=allow, severity=info, direction=to-lport: tcp,vlan_tci=0x0000,dl_src=fa:16:3e:00:00:01,dl_dst=…,nw_src=10.0.0.1,nw_dst=…,…,tp_src=40000,tp_dst=80,tcp_flags=syn`
 */
const LINE =
  /^[-0-9T:.]{10,30}Z\|\d+\|acl_log(?:\([a-z0-9_]+\))?\|INFO\|name="([^"\\]{1,63})", verdict=(allow|drop), severity=[a-z]+, direction=(to|from)-lport: ([-a-z0-9_=:.,/+()|]{1,1000})$/

/** Undefined: no such line, or of a rule that is not ours. */
export function parseLogLine(line: string): LoggedPacket | undefined {
  const [, name = '', verdict, direction, headers = ''] = LINE.exec(line) ?? []
  const rule = parseRuleName(name)
  const flow = rule && toFlow(headers)
  if (!rule || !flow) return undefined
  return {
    ...rule,
    verdict: verdict === 'allow' ? 'accepted' : 'dropped',
    direction: direction === 'to' ? 'ingress' : 'egress',
    ...flow,
  }
}

const PROTOCOLS: Readonly<Record<string, PacketFlow['protocol']>> = {
  ...{ tcp: 'tcp', tcp6: 'tcp', udp: 'udp', udp6: 'udp', sctp: 'sctp', sctp6: 'sctp', icmp: 'icmp', icmp6: 'icmp6' },
}

function toFlow(headers: string): Pick<LoggedPacket, 'sourceMac' | 'destinationMac' | 'flow'> | undefined {
  const [word = '', ...fields] = headers.split(',')
  const field = new Map(fields.map((text) => text.split('=', 2) as [string, string | undefined]))
  const number = (key: string, most: number) => {
    const value = Number(field.get(key) ?? NaN)
    return Number.isInteger(value) && value >= 0 && value <= most ? value : undefined
  }
  const [source, destination] = [
    field.get('nw_src') ?? field.get('ipv6_src') ?? '',
    field.get('nw_dst') ?? field.get('ipv6_dst') ?? '',
  ]
  const protocol = PROTOCOLS[word] ?? number('nw_proto', 255)?.toString()
  if (protocol === undefined || isIP(source) === 0 || isIP(destination) === 0) return undefined
  const optional = {
    ...(protocol.startsWith('icmp')
      ? { icmpType: number('icmp_type', 255), icmpCode: number('icmp_code', 255) }
      : { sourcePort: number('tp_src', 65_535), destinationPort: number('tp_dst', 65_535) }),
  }
  const known = Object.entries(optional).filter(([, value]) => value !== undefined)
  return {
    sourceMac: field.get('dl_src') ?? '',
    destinationMac: field.get('dl_dst') ?? '',
    flow: { protocol, source, destination, ...(Object.fromEntries(known) as Partial<PacketFlow>) },
  }
}
