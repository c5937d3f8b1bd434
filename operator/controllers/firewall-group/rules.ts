// SPDX-License-Identifier: Apache-2.0
import type { FirewallGroup, FirewallPolicy } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import type { Reference } from '../../kind/row.ts'
import { resolve } from '../../kind/resolve.ts'
import type { LogicalFirewallEnd, LogicalFirewallRule } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'

type Rule = NonNullable<FirewallPolicy['spec']['rules']>[number]

/** The rules of a direction, in order. Undefined: everything passes. */
export function resolveRules(
  policies: Reference<FirewallGroup, 'firewallPolicies'>,
  group: FirewallGroup,
  { caches }: Pick<OperatorDeps, 'caches'>,
): { rules: readonly LogicalFirewallRule[]; uids: readonly string[]; lacks: readonly Outcome[] } {
  const found = policies.refs(group).map((named) => resolve(policies, group, named, caches))
  return {
    rules: found.flatMap((policy) => (policy.ok ? (policy.object.spec.rules ?? []).flatMap(toLogical) : [])),
    uids: found.flatMap((policy) => (policy.ok ? [policy.object.metadata.uid] : [])),
    lacks: found.flatMap((policy) => (policy.ok ? [] : [policy.outcome])),
  }
}

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
