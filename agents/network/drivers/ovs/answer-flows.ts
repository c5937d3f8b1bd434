// SPDX-License-Identifier: Apache-2.0
// Pure: the flows by which the switch shows us the answer to a probe, where it would otherwise only go to the guest.
import { toBytes } from '../../probe/address-bytes.ts'
import { ECHO, isV6, protocolNumber, type ProbePacket } from '../../probe/probe-frames.ts'
import { field, toController, type Flow, type WantedFlow } from './flow-tables.ts'

/** Numbers of OpenFlow's basic fields. */
const FIELD = {
  ...{ ethType: 5, ipProtocol: 10, ipv4Source: 11, ipv4Destination: 12, tcpSource: 13, tcpDestination: 14 },
  ...{ udpSource: 15, udpDestination: 16, icmpv4Type: 19, ipv6Source: 26, ipv6Destination: 27, icmpv6Type: 29 },
} as const
/** Above whatever OVN has in the same table; the order among its own stays. */
const ABOVE = 60_000
const MOST = 0xffff
/** If nobody removes them. */
const HARD_TIMEOUT_SECONDS = 10
const UNREACHABLE = { v4: 3, v6: 1 } as const

/**
 * For each flow that leads to the sender's port, those before it. The answer of TCP and UDP, which only a probe can have asked for, comes to us
 * alone: the guest, which knows of no such connection, would reset it. A guest's echo replies, and ICMP errors, also go on as before, since they
 * may be about what it has sent. To an address outside, which anybody can name, nothing goes that was asked for by us.
 */
export function answerFlows(
  towards: readonly Flow[],
  packet: ProbePacket,
  { cookie, controllerId, isOfGuest }: { cookie: bigint; controllerId: number; isOfGuest: boolean },
): WantedFlow[] {
  const copy = toController(controllerId)
  return towards.flatMap(({ table, priority, fields, actions }) => {
    const base = { table, cookie, priority: Math.min(MOST, ABOVE + priority), hardTimeoutSeconds: HARD_TIMEOUT_SECONDS }
    const passedOn = Buffer.concat([copy, actions])
    const isShared = isOfGuest && packet.protocol === 'icmp'
    return [
      { ...base, fields: Buffer.concat([fields, ...answerFields(packet)]), actions: isShared ? passedOn : copy },
      { ...base, fields: Buffer.concat([fields, ...errorFields(packet)]), actions: passedOn },
    ]
  })
}

function answerFields(packet: ProbePacket): Buffer[] {
  const v6 = isV6(packet)
  const from = field(v6 ? FIELD.ipv6Source : FIELD.ipv4Source, toBytes(packet.destination))
  const common = [...ipFields(packet, protocolNumber(packet)), from]
  if (packet.protocol === 'icmp') return [...common, icmpType(v6, (v6 ? ECHO.v6 : ECHO.v4).reply)]
  const [source, destination] =
    packet.protocol === 'tcp' ? [FIELD.tcpSource, FIELD.tcpDestination] : [FIELD.udpSource, FIELD.udpDestination]
  return [...common, field(source, u16(packet.destinationPort ?? 0)), field(destination, u16(packet.sourcePort))]
}

/** Whoever on the way they come from. */
function errorFields(packet: ProbePacket): Buffer[] {
  const v6 = isV6(packet)
  const icmp = protocolNumber({ ...packet, protocol: 'icmp' })
  return [...ipFields(packet, icmp), icmpType(v6, v6 ? UNREACHABLE.v6 : UNREACHABLE.v4)]
}

/** What a field needs stands before it. */
function ipFields(packet: ProbePacket, protocol: number): Buffer[] {
  const v6 = isV6(packet)
  return [
    field(FIELD.ethType, u16(v6 ? 0x86dd : 0x0800)),
    field(FIELD.ipProtocol, Buffer.from([protocol])),
    field(v6 ? FIELD.ipv6Destination : FIELD.ipv4Destination, toBytes(packet.source)),
  ]
}

function icmpType(v6: boolean, type: number): Buffer {
  return field(v6 ? FIELD.icmpv6Type : FIELD.icmpv4Type, Buffer.from([type]))
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}
