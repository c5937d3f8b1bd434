// SPDX-License-Identifier: Apache-2.0
import type { Port, SecurityGroup } from '../../../lib/api/types.ts'
import type { LoggedPackets } from '../../../lib/contract/packet-log.ts'
import type { Caches } from '../../kind/row.ts'
import { logOf } from './rules.ts'

/** What was logged of one group since it was told last. */
export interface GroupPackets {
  accepted: number
  dropped: number
  /** Some of them, each kind once. */
  kinds: Map<string, ToldPackets>
}

export type ToldPackets = Pick<LoggedPackets, 'verdict' | 'direction' | 'rule' | 'count'> &
  Partial<NonNullable<LoggedPackets['flow']>> & {
    /** `namespace/name`. */
    port: string
    node: string
  }

/** Kinds of packets of one group that are kept until they are told. */
const MOST_KINDS = 20

/**
 * The groups that an entry of a node's log is about: what a rule let pass is the group's that has it; what none did is told of by each group of
 * the port that logs that. None, where the port is not that node's, or the group not the port's: nodes say only what is their own.
 */
export function groupsOf(
  { group, port: portUid, verdict }: LoggedPackets,
  node: string,
  { ports, securityGroups }: Pick<Caches, 'ports' | 'securityGroups'>,
): { port: Port; groups: SecurityGroup[] } | undefined {
  const port = ports.findByUid(portUid)
  const uids = port?.status?.securityGroupUIDs ?? []
  if (port?.status?.node !== node || !uids.includes(group)) return undefined
  const groups = (verdict === 'accepted' ? [group] : uids).flatMap((uid) => securityGroups.findByUid(uid) ?? [])
  return { port, groups: groups.filter((one) => logOf(one).log?.[verdict]) }
}

export function addPackets(held: GroupPackets, packets: LoggedPackets, port: Port, node: string): void {
  const { verdict, direction, rule, count, flow } = packets
  held[verdict] += count
  const { namespace = '', name } = port.metadata
  const told = { verdict, direction, rule, count, ...flow, port: `${namespace}/${name}`, node }
  const key = JSON.stringify({ ...told, count: 0, sourcePort: 0 })
  const known = held.kinds.get(key)
  if (known) known.count += count
  else if (held.kinds.size < MOST_KINDS) held.kinds.set(key, told)
}

/** For people, such as `dropped 14 packets, accepted 1: 14 × tcp 10.0.0.5:4444 to 10.0.1.7:22 at Port web (no rule)`. */
export function noteOf({ accepted, dropped, kinds }: GroupPackets, { metadata }: SecurityGroup): string {
  const counts = [
    ...(dropped > 0 ? [`dropped ${countOf(dropped)}`] : []),
    ...(accepted > 0 ? [`let ${countOf(accepted)} pass`] : []),
  ]
  const flows = [...kinds.values()].filter(({ protocol }) => protocol !== undefined)
  const told = flows.sort((a, b) => Number(a.verdict === 'accepted') - Number(b.verdict === 'accepted')).slice(0, 5)
  return [
    counts.join(' and '),
    ...(told.length === 0 ? [] : [told.map((one) => wordsOf(one, metadata)).join('; ')]),
  ].join(': ')
}

function countOf(packets: number): string {
  return packets === 1 ? '1 packet' : `${packets} packets`
}

function wordsOf(told: ToldPackets, { namespace }: SecurityGroup['metadata']): string {
  const { protocol = '', source, destination, sourcePort, destinationPort, icmpType, rule, count, port } = told
  const of = port.startsWith(`${namespace}/`) ? port.slice(`${namespace}/`.length) : port
  const at = told.direction === 'ingress' ? `to Port ${of}` : `from Port ${of}`
  const type = icmpType === undefined ? '' : ` type ${icmpType}`
  return `${count} × ${protocol}${type} ${end(source, sourcePort)} to ${end(destination, destinationPort)}, ${at} (${ruleWords(rule)})`
}

function end(address = '', port?: number): string {
  if (port === undefined) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function ruleWords(rule: LoggedPackets['rule']): string {
  if (rule === 'drop') return 'no rule'
  return rule === 'open' ? 'everything may leave' : `spec.rules[${rule}]`
}
