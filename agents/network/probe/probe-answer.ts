// SPDX-License-Identifier: Apache-2.0
// Pure: what a frame that came to the sender of a probe says of it. Whatever comes from guests and from outside is read here.
import { toAddress, toBytes } from './address-bytes.ts'
import type { ProbeFinding } from './probe-driver.ts'
import {
  DOT1Q,
  ECHO,
  ICMP,
  ICMPV6,
  IPV4,
  IPV6,
  isV6,
  protocolNumber,
  TCP_FLAGS,
  type ProbePacket,
} from './probe-frames.ts'

export interface SeenAnswer {
  finding: Omit<ProbeFinding, 'roundTripMicroseconds'>
  /** Of a TCP connection that the other end holds open: the sequence number that it expects next. */
  expects?: number
}

interface IpPacket {
  source: Buffer
  destination: Buffer
  protocol: number
  payload: Buffer
}

/** Undefined: it is no answer to it. */
export function readAnswer(frame: Buffer, packet: ProbePacket): SeenAnswer | undefined {
  const seen = readFrame(frame)
  if (!seen?.destination.equals(toBytes(packet.source))) return undefined
  if (seen.protocol === (isV6(packet) ? ICMPV6 : ICMP)) {
    const unreachable = readUnreachable(seen, packet)
    if (unreachable) return unreachable
  }
  if (seen.protocol !== protocolNumber(packet) || !seen.source.equals(toBytes(packet.destination))) return undefined
  const answeredBy = packet.destination
  if (packet.protocol === 'icmp') {
    const { reply } = isV6(packet) ? ECHO.v6 : ECHO.v4
    if (seen.payload.length < 8 || seen.payload.readUInt8(0) !== reply) return undefined
    if (seen.payload.readUInt16BE(4) !== packet.sourcePort) return undefined
    return { finding: { result: 'Answered', answeredBy, detail: 'an echo reply' } }
  }
  if (!arePorts(seen.payload, packet.destinationPort ?? 0, packet.sourcePort)) return undefined
  if (packet.protocol === 'udp') return { finding: { result: 'Answered', answeredBy, detail: 'a datagram' } }
  return readTcp(seen.payload, answeredBy)
}

function readTcp(segment: Buffer, answeredBy: string): SeenAnswer | undefined {
  if (segment.length < 20) return undefined
  const flags = segment.readUInt8(13)
  if (flags & TCP_FLAGS.rst) return { finding: { result: 'Refused', answeredBy, detail: 'a reset' } }
  if ((flags & TCP_FLAGS.syn) === 0 || (flags & TCP_FLAGS.ack) === 0) return undefined
  return { finding: { result: 'Answered', answeredBy, detail: 'SYN, ACK' }, expects: segment.readUInt32BE(8) }
}

/** Of the codes of "destination unreachable" (RFC 792, 1812, 4443) those by which a machine that is there says no. */
const REFUSALS = { v4: [3, 9, 10, 13], v6: [1, 4, 5, 6] } as const
const UNREACHABLE = { v4: 3, v6: 1 } as const
const WORDS: Record<string, string> = {
  ...{ 'v4/0': 'network unreachable', 'v4/1': 'host unreachable', 'v4/2': 'protocol unreachable' },
  ...{
    'v4/3': 'port unreachable',
    'v4/4': 'too big',
    'v4/13': 'prohibited',
    'v4/9': 'prohibited',
    'v4/10': 'prohibited',
  },
  ...{ 'v6/0': 'no route', 'v6/1': 'prohibited', 'v6/3': 'address unreachable', 'v6/4': 'port unreachable' },
  ...{ 'v6/5': 'prohibited', 'v6/6': 'rejected by a route' },
}

/** It carries the beginning of the packet that it is about. */
function readUnreachable({ source, payload }: IpPacket, packet: ProbePacket): SeenAnswer | undefined {
  const family = isV6(packet) ? 'v6' : 'v4'
  if (payload.length < 8 || payload.readUInt8(0) !== UNREACHABLE[family]) return undefined
  const about = readIp(payload.subarray(8), family)
  if (about?.protocol !== protocolNumber(packet)) return undefined
  if (!about.source.equals(toBytes(packet.source)) || !about.destination.equals(toBytes(packet.destination)))
    return undefined
  const isOurs =
    packet.protocol === 'icmp'
      ? about.payload.length >= 6 && about.payload.readUInt16BE(4) === packet.sourcePort
      : arePorts(about.payload, packet.sourcePort, packet.destinationPort ?? 0)
  if (!isOurs) return undefined
  const code = payload.readUInt8(1)
  const result = (REFUSALS[family] as readonly number[]).includes(code) ? 'Refused' : 'Unreachable'
  const detail = `ICMP: ${WORDS[`${family}/${code}`] ?? `unreachable, code ${code}`}`
  return { finding: { result, answeredBy: toAddress(source), detail } }
}

function arePorts(segment: Buffer, source: number, destination: number): boolean {
  return segment.length >= 4 && segment.readUInt16BE(0) === source && segment.readUInt16BE(2) === destination
}

function readFrame(frame: Buffer): IpPacket | undefined {
  let at = 12
  while (frame.length >= at + 4 && frame.readUInt16BE(at) === DOT1Q) at += 4
  if (frame.length < at + 2) return undefined
  const type = frame.readUInt16BE(at)
  if (type !== IPV4 && type !== IPV6) return undefined
  return readIp(frame.subarray(at + 2), type === IPV6 ? 'v6' : 'v4')
}

/** Its length is not looked at: of one in an ICMP error only the beginning is there. IPv6 without extension headers. */
function readIp(bytes: Buffer, family: 'v4' | 'v6'): IpPacket | undefined {
  if (family === 'v6') {
    if (bytes.length < 40 || bytes.readUInt8(0) >> 4 !== 6) return undefined
    return {
      ...{ source: bytes.subarray(8, 24), destination: bytes.subarray(24, 40) },
      ...{ protocol: bytes.readUInt8(6), payload: bytes.subarray(40) },
    }
  }
  if (bytes.length < 20 || bytes.readUInt8(0) >> 4 !== 4) return undefined
  const length = (bytes.readUInt8(0) & 0xf) * 4
  // Of a later fragment there is no header of the protocol.
  if (length < 20 || bytes.length < length || (bytes.readUInt16BE(6) & 0x1fff) !== 0) return undefined
  return {
    ...{ source: bytes.subarray(12, 16), destination: bytes.subarray(16, 20) },
    ...{ protocol: bytes.readUInt8(9), payload: bytes.subarray(length) },
  }
}
