// SPDX-License-Identifier: Apache-2.0
import type { FirewallPolicy } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import { toLogical } from '../firewall-group/rules.ts'

/** The rule of a FirewallPolicy that is the n-th of a FirewallGroup's direction: one rule can be for two families. Pure. */
export function ruleInPolicy(
  { uid, direction, rule }: { uid: string; direction: 'ingress' | 'egress'; rule: number | undefined },
  { firewallGroups, firewallPolicies }: Pick<Caches, 'firewallGroups' | 'firewallPolicies'>,
): { policy: FirewallPolicy; index: number } | undefined {
  if (rule === undefined) return undefined
  let left = rule
  const policies = firewallGroups.findByUid(uid)?.status?.[`${direction}Policies`] ?? []
  for (const policy of policies.flatMap(({ policyUID }) => firewallPolicies.findByUid(policyUID) ?? [])) {
    for (const [index, one] of (policy.spec.rules ?? []).entries()) {
      const count = toLogical(one).length
      if (left < count) return { policy, index }
      left -= count
    }
  }
  return undefined
}
