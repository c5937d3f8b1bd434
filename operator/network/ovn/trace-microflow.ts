// SPDX-License-Identifier: Apache-2.0
import { TerminalError } from '../../../lib/errors.ts'
import type { LogicalPacket } from '../logical-trace.ts'
import { familyOf, normalAddress, normalMac } from './addresses.ts'
import { checkedPort } from './match-words.ts'
import { localnetPortName } from '../../../lib/contract/gateway-rows.ts'

/** ovn-trace(8), microflow: in OVN's expression language (ovn-sb(5)). Every part is ours, or parsed and written anew. */
export function microflowOf(packet: LogicalPacket): string {
  const source = normalAddress(packet.source)
  const destination = normalAddress(packet.destination)
  const family = familyOf(source)
  if (familyOf(destination) !== family) throw invalid(`${source} and ${destination} are of two families`)
  const ip = family === 'IPv4' ? 'ip4' : 'ip6'
  return [
    `inport == "${inportOf(packet)}"`,
    `eth.src == ${normalMac(packet.sourceMac)}`,
    `eth.dst == ${normalMac(packet.destinationMac)}`,
    `${ip}.src == ${source}`,
    `${ip}.dst == ${destination}`,
    'ip.ttl == 64',
    ...protocolOf(packet, ip),
  ].join(' && ')
}

/** What conntrack says of it at each port that it passes: more states than it can pass ports. */
export function trackedAs({ isAnswer }: Pick<LogicalPacket, 'isAnswer'>): string[] {
  return Array<string>(16).fill(isAnswer ? '--ct=trk,est,rpl' : '--ct=trk,new')
}

function inportOf({ from }: LogicalPacket): string {
  const uid = 'portUid' in from ? from.portUid : from.networkUid
  if (!/^[a-z0-9-]+$/.test(uid)) throw invalid(`${JSON.stringify(uid)} is not a uid`)
  return 'portUid' in from ? uid : localnetPortName(uid)
}

function protocolOf(packet: LogicalPacket, ip: 'ip4' | 'ip6'): string[] {
  const { protocol, isAnswer } = packet
  switch (protocol) {
    case 'icmp': {
      const word = ip === 'ip4' ? 'icmp4' : 'icmp6'
      const [request, answer] = ip === 'ip4' ? [8, 0] : [128, 129]
      return [`${word}.type == ${isAnswer ? answer : request}`, `${word}.code == 0`]
    }
    case 'tcp':
      // SYN, and SYN with ACK.
      return [...portsOf(packet, protocol), `tcp.flags == ${isAnswer ? 0x12 : 0x02}`]
    case 'udp':
    case 'sctp':
      return portsOf(packet, protocol)
  }
}

function portsOf({ sourcePort, destinationPort }: LogicalPacket, protocol: string): string[] {
  return [`${protocol}.src == ${checkedPort(sourcePort)}`, `${protocol}.dst == ${checkedPort(destinationPort)}`]
}

function invalid(message: string): TerminalError {
  return new TerminalError('InvalidQuestion', message)
}
