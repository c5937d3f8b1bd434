// SPDX-License-Identifier: Apache-2.0
import type { FirewallPolicy } from '../../../lib/api/types.ts'
import type { LogicalFirewallEnd, LogicalFirewallRule } from '../../network/logical-kinds.ts'

type Rule = NonNullable<FirewallPolicy['spec']['rules']>[number]

/** One for each family that the rule is for. */
export function toLogical(rule: Rule): LogicalFirewallRule[] {
  if (rule.enabled === false) return []
  const { action, protocol = 'any' } = rule
  const source = endOf(rule.sourceIPPrefix, rule.sourcePorts)
  const destination = endOf(rule.destinationIPPrefix, rule.destinationPorts)
  return familiesOf(rule).map((etherType) => ({ action, etherType, protocol, source, destination }))
}

function familiesOf({
  etherType,
  protocol,
  sourceIPPrefix,
  destinationIPPrefix,
}: Rule): LogicalFirewallRule['etherType'][] {
  const prefix = sourceIPPrefix ?? destinationIPPrefix
  if (etherType) return [etherType]
  if (prefix !== undefined) return [prefix.includes(':') ? 'IPv6' : 'IPv4']
  if (protocol === 'icmp') return ['IPv4']
  return protocol === 'icmpv6' ? ['IPv6'] : ['IPv4', 'IPv6']
}

function endOf(prefix: string | undefined, ports: Rule['sourcePorts']): LogicalFirewallEnd {
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(ports === undefined ? {} : { ports: [ports.minimum, ports.maximum ?? ports.minimum] as const }),
  }
}
