// SPDX-License-Identifier: Apache-2.0
import { TerminalError } from '../../../lib/errors.ts'
import type { LogicalRule } from '../logical-kinds.ts'
import { familyOf, normalPrefix, type AddressFamily } from './addresses.ts'
import { rangeMatch, symbolOf } from './match-words.ts'

/** Of the names of groups' Port_Groups. */
export const GROUP_PREFIX = 'nsg_'

/** Of a group's Port_Group, which OVN has address sets of, too. */
export function groupName(uid: string): string {
  return symbolOf(GROUP_PREFIX, uid)
}

/** Name of the address set that holds a group's addresses of one family. */
export function addressSetName(uid: string, family: AddressFamily): string {
  return `${symbolOf('nag_', uid)}_${family === 'IPv4' ? 'ip4' : 'ip6'}`
}

/** The match of one rule, in OVN's expression language (ovn-sb(5)). Every part is ours, or parsed and reformatted. */
export function ruleMatch(rule: LogicalRule, group: string): string {
  const ingress = isIngress(rule)
  const ip = ipOf(rule)
  const parts = [`${ingress ? 'outport' : 'inport'} == @${group}`, ip]
  const remote = `${ip}.${ingress ? 'src' : 'dst'}`
  if (rule.remoteIPPrefix !== undefined) {
    const prefix = normalPrefix(rule.remoteIPPrefix)
    if (familyOf(prefix) !== rule.etherType)
      throw invalid(`remoteIPPrefix ${prefix} is not of etherType ${rule.etherType}`)
    if (!prefix.endsWith('/0')) parts.push(`${remote} == ${prefix}`)
  }
  if (rule.remoteGroupUid !== undefined) parts.push(`${remote} == $${groupName(rule.remoteGroupUid)}_${ip}`)
  if (rule.remoteAddressGroupUid !== undefined)
    parts.push(`${remote} == $${addressSetName(rule.remoteAddressGroupUid, rule.etherType)}`)
  parts.push(...protocolMatch(rule))
  return parts.join(' && ')
}

function isIngress({ direction }: LogicalRule): boolean {
  if (direction === 'ingress' || direction === 'egress') return direction === 'ingress'
  throw invalid(`${JSON.stringify(direction)} is no direction`)
}

function ipOf({ etherType }: LogicalRule): 'ip4' | 'ip6' {
  if (etherType === 'IPv4' || etherType === 'IPv6') return etherType === 'IPv4' ? 'ip4' : 'ip6'
  throw invalid(`${JSON.stringify(etherType)} is no etherType`)
}

function protocolMatch(rule: LogicalRule): string[] {
  const { protocol } = rule
  switch (protocol) {
    case 'any':
      return []
    case 'tcp':
    case 'udp':
    case 'sctp':
      return [protocol, ...portMatch(protocol, rule)]
    case 'icmp':
      return ['icmp4', ...icmpMatch('icmp4', rule)]
    case 'icmpv6':
      return ['icmp6', ...icmpMatch('icmp6', rule)]
    default:
      return [`ip.proto == ${checked(protocol, 255)}`]
  }
}

function portMatch(protocol: 'tcp' | 'udp' | 'sctp', { portRangeMin: min, portRangeMax: max }: LogicalRule): string[] {
  const from = min ?? max
  if (from === undefined) return []
  const to = max ?? from
  return rangeMatch(`${protocol}.dst`, checked(from, 65535), checked(to, 65535))
}

function icmpMatch(word: 'icmp4' | 'icmp6', { icmpType: type, icmpCode: code }: LogicalRule): string[] {
  if (type === undefined) return []
  return [
    `${word}.type == ${checked(type, 255)}`,
    ...(code === undefined ? [] : [`${word}.code == ${checked(code, 255)}`]),
  ]
}

function checked(value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value
  throw invalid(`${JSON.stringify(value)} is not between 0 and ${most}`)
}

function invalid(message: string): TerminalError {
  return new TerminalError('InvalidRule', message)
}
