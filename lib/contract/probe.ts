// SPDX-License-Identifier: Apache-2.0
// A packet that a node sends as if a Port's machine had, and what came back (docs/decisions/0055).
import { z } from 'zod'
import { smallAmount, text } from './bounds.ts'
import { mac, uid } from './fields.ts'

const ip = z.union([z.ipv4(), z.ipv6()])
const portNumber = z.int().min(1).max(65_535)

export const ProbeSpec = z
  .looseObject({
    /** The Port as whose machine it is sent; the node has it. One of this and `outside`. */
    portUid: uid.optional(),
    /** It is sent as if it came from outside, by the physical network that an external Network is, under its tag there. */
    outside: z.looseObject({ networkUid: uid, vlan: z.int().min(1).max(4094).optional() }).optional(),
    sourceMac: mac,
    /** Of the next hop, on the sender's network. */
    destinationMac: mac,
    /** Both of one family. */
    source: ip,
    destination: ip,
    /** icmp: an echo request, of either family. */
    protocol: z.enum(['tcp', 'udp', 'icmp']),
    /** icmp: the identifier of the echo request. */
    sourcePort: portNumber,
    /** icmp: without meaning. */
    destinationPort: portNumber.optional(),
  })
  .refine(({ portUid, outside }) => (portUid === undefined) !== (outside === undefined), 'one sender')
  .refine(({ source, destination }) => source.includes(':') === destination.includes(':'), 'two families')
  .refine(({ protocol, destinationPort }) => protocol === 'icmp' || destinationPort !== undefined, 'no port')
export type ProbeSpec = z.infer<typeof ProbeSpec>

/**
 * `Answered`: by what was asked for. `Refused`: there is a machine, which says no: a reset, or an ICMP error that says port unreachable or
 * prohibited. `Unreachable`: an ICMP error says that nothing is there. `Silent`: nothing came in time. `Unknown`: not sent, or nobody knows.
 */
const ProbeResult = z.enum(['Answered', 'Refused', 'Unreachable', 'Silent', 'Unknown'])

export const ProbeAnswer = z.object({
  result: ProbeResult,
  /** RFC 3339, the node's clock: the first of its packets. */
  sentAt: z.iso.datetime().max(64),
  /** From the last packet that was sent before the answer. */
  roundTripMicroseconds: smallAmount().optional(),
  answeredBy: ip.optional(),
  /** What it was, in words, such as `a reset`. */
  detail: text(256).optional(),
})
export type ProbeAnswer = z.infer<typeof ProbeAnswer>
