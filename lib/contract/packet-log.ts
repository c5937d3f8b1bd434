// SPDX-License-Identifier: Apache-2.0
// What nodes say of packets that rules of groups let pass or dropped, where the group has a log.
import { z } from 'zod'
import { CONTRACT_VERSION } from './document-kinds.ts'
import { uid } from './fields.ts'

/** The place of the rule in the group; `open`: what nobody wrote, that all may leave; `drop`: no rule lets it pass. */
export type LoggedRule = number | 'open' | 'drop'

const NAME = /^nsg\/([a-z0-9-]{1,40})\/(open|drop|0|[1-9][0-9]{0,3})$/

/** The name under which nodes log a rule: at most 63 characters, as OVN allows. */
export function ruleName(groupUid: string, rule: LoggedRule): string {
  return `nsg/${groupUid}/${rule}`
}

/** Undefined: no name of ours. */
export function parseRuleName(name: string): { group: string; rule: LoggedRule } | undefined {
  const [, group, rule] = NAME.exec(name) ?? []
  if (group === undefined || rule === undefined) return undefined
  return { group, rule: rule === 'open' || rule === 'drop' ? rule : Number(rule) }
}

const portNumber = z.int().min(0).max(65_535)

/** Packets of one kind that came within the time of a message: those that differ in the sender's port alone are one. */
export const LoggedPackets = z.object({
  group: uid,
  rule: z.union([z.int().min(0).max(9999), z.literal('open'), z.literal('drop')]),
  verdict: z.enum(['accepted', 'dropped']),
  direction: z.enum(['ingress', 'egress']),
  /** UID of the Port that it was at. */
  port: uid,
  /** How many were logged: what is beyond the group's rate is not. */
  count: z.int().min(1),
  /** Absent: of several kinds, which are too many to be told one by one. */
  flow: z
    .object({
      /** `tcp`, `udp`, `sctp`, `icmp`, `icmp6`, or a number of IANA's. */
      protocol: z.string().regex(/^[a-z0-9]{1,8}$/),
      source: z.union([z.ipv4(), z.ipv6()]),
      destination: z.union([z.ipv4(), z.ipv6()]),
      /** Of the first of them. */
      sourcePort: portNumber.optional(),
      destinationPort: portNumber.optional(),
      icmpType: z.int().min(0).max(255).optional(),
      icmpCode: z.int().min(0).max(255).optional(),
    })
    .optional(),
})
export type LoggedPackets = z.infer<typeof LoggedPackets>
export type PacketFlow = NonNullable<LoggedPackets['flow']>

/** Entries of one message. */
export const MOST_LOGGED = 256
export const MAX_PACKET_LOG_BYTES = 128 * 1024
/** A node sends at most one in this time. */
export const PACKET_LOG_MS = 5_000

/** At `packets.<node>`. Sent when there were some, and lost when nobody listens. */
export const PacketLog = z.looseObject({
  v: z.literal(CONTRACT_VERSION),
  packets: z.array(LoggedPackets).max(MOST_LOGGED),
})
export type PacketLog = z.infer<typeof PacketLog>
