// SPDX-License-Identifier: Apache-2.0
// Pure: the frames that a probe is made of, with all checksums. RFC 791, 8200, 792, 4443, 9293, 768; IEEE 802.1Q.
import { toBytes } from './address-bytes.ts'
import type { ProbeRequest } from './probe-driver.ts'

export type ProbePacket = Omit<ProbeRequest, 'by'>

export const [DOT1Q, IPV4, IPV6] = [0x8100, 0x0800, 0x86dd]
const [TCP, UDP] = [6, 17]
export const [ICMP, ICMPV6] = [1, 58]
export const TCP_FLAGS = { syn: 0x02, rst: 0x04, ack: 0x10 } as const
export const ECHO = { v4: { request: 8, reply: 0 }, v6: { request: 128, reply: 129 } } as const

const HOP_LIMIT = 64
const DONT_FRAGMENT = 0x4000
/** What who looks at packets finds in an echo request. */
const PAYLOAD = Buffer.from('nephele reachability')

export function isV6({ source }: Pick<ProbePacket, 'source'>): boolean {
  return source.includes(':')
}

export function protocolNumber(packet: Pick<ProbePacket, 'source' | 'protocol'>): number {
  if (packet.protocol === 'icmp') return isV6(packet) ? ICMPV6 : ICMP
  return packet.protocol === 'tcp' ? TCP : UDP
}

/**
 * The request: a TCP SYN, an empty UDP datagram or an echo request.
 * @param sequence of TCP, or of the echo request (its lower 16 bits)
 */
export function requestFrame(packet: ProbePacket, sequence: number): Buffer {
  if (packet.protocol === 'tcp') return frame(packet, tcp(packet, sequence, TCP_FLAGS.syn))
  if (packet.protocol === 'udp') {
    const header = Buffer.alloc(8)
    header.writeUInt16BE(packet.sourcePort, 0)
    header.writeUInt16BE(packet.destinationPort ?? 0, 2)
    header.writeUInt16BE(header.length, 4)
    // Zero would say that there is none.
    return frame(packet, checksummed(packet, header, 6, 0xffff))
  }
  const header = Buffer.alloc(8)
  header.writeUInt8(isV6(packet) ? ECHO.v6.request : ECHO.v4.request, 0)
  header.writeUInt16BE(packet.sourcePort, 4)
  header.writeUInt16BE(sequence & 0xffff, 6)
  return frame(packet, checksummed(packet, Buffer.concat([header, PAYLOAD]), 2))
}

/** Ends what a SYN has opened at the other end, so that it does not wait for more. @param sequence the one that it expects */
export function resetFrame(packet: ProbePacket, sequence: number): Buffer {
  return frame(packet, tcp(packet, sequence, TCP_FLAGS.rst))
}

function tcp(packet: ProbePacket, sequence: number, flags: number): Buffer {
  // MSS: what fits into any network of ours.
  const options = flags === TCP_FLAGS.syn ? Buffer.from([2, 4, 0x02, 0x18]) : Buffer.alloc(0)
  const header = Buffer.alloc(20)
  header.writeUInt16BE(packet.sourcePort, 0)
  header.writeUInt16BE(packet.destinationPort ?? 0, 2)
  header.writeUInt32BE(sequence >>> 0, 4)
  header.writeUInt8(((header.length + options.length) / 4) << 4, 12)
  header.writeUInt8(flags, 13)
  header.writeUInt16BE(flags === TCP_FLAGS.syn ? 0xffff : 0, 14)
  return checksummed(packet, Buffer.concat([header, options]), 16)
}

/** With the checksum in its place; `ifZero` instead of 0. */
function checksummed(packet: ProbePacket, segment: Buffer, at: number, ifZero = 0): Buffer {
  const isPlainIcmp = packet.protocol === 'icmp' && !isV6(packet)
  const covered = isPlainIcmp ? segment : Buffer.concat([pseudoHeader(packet, segment.length), segment])
  segment.writeUInt16BE(checksum(covered) || ifZero, at)
  return segment
}

function pseudoHeader(packet: ProbePacket, length: number): Buffer {
  const [source, destination] = [toBytes(packet.source), toBytes(packet.destination)]
  const end = Buffer.alloc(isV6(packet) ? 8 : 4)
  if (isV6(packet)) end.writeUInt32BE(length, 0)
  else end.writeUInt16BE(length, 2)
  end.writeUInt8(protocolNumber(packet), isV6(packet) ? 7 : 1)
  return Buffer.concat([source, destination, end])
}

function frame(packet: ProbePacket, segment: Buffer): Buffer {
  const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
  const macOf = (text: string) => Buffer.from(text.replaceAll(':', ''), 'hex')
  const tag = packet.vlan === undefined ? [] : [u16(DOT1Q), u16(packet.vlan)]
  const type = u16(isV6(packet) ? IPV6 : IPV4)
  const header = isV6(packet) ? headerV6(packet, segment.length) : headerV4(packet, segment.length)
  return Buffer.concat([macOf(packet.destinationMac), macOf(packet.sourceMac), ...tag, type, header, segment])
}

function headerV4(packet: ProbePacket, length: number): Buffer {
  const header = Buffer.alloc(20)
  header.writeUInt8(0x45, 0)
  header.writeUInt16BE(header.length + length, 2)
  header.writeUInt16BE(DONT_FRAGMENT, 6)
  header.writeUInt8(HOP_LIMIT, 8)
  header.writeUInt8(protocolNumber(packet), 9)
  toBytes(packet.source).copy(header, 12)
  toBytes(packet.destination).copy(header, 16)
  header.writeUInt16BE(checksum(header), 10)
  return header
}

function headerV6(packet: ProbePacket, length: number): Buffer {
  const header = Buffer.alloc(40)
  header.writeUInt8(0x60, 0)
  header.writeUInt16BE(length, 4)
  header.writeUInt8(protocolNumber(packet), 6)
  header.writeUInt8(HOP_LIMIT, 7)
  toBytes(packet.source).copy(header, 8)
  toBytes(packet.destination).copy(header, 24)
  return header
}

/** RFC 1071. Of data that has its own checksum in it: 0. */
export function checksum(data: Buffer): number {
  let sum = 0
  for (let i = 0; i < data.length; i += 2) sum += ((data[i] ?? 0) << 8) | (data[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
