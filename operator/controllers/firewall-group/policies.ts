// SPDX-License-Identifier: Apache-2.0
// Whose rules a group has: those of the policies that its spec names or, while one of them cannot be had, those that it had before.
import type { FirewallGroup, FirewallPolicy } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { resolve } from '../../kind/resolve.ts'
import type { LogicalFirewallGroup } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { DIRECTIONS, egressPolicies, ingressPolicies, type Direction } from './kind.ts'
import { toLogical } from './rules.ts'

/** In order. Absent: everything passes. */
type Policies = Partial<Record<Direction, readonly FirewallPolicy[]>>

export interface Ruling {
  policies: Policies
  /** Why it does not have the policies that it should. */
  lacks: readonly Outcome[]
  /** It stands with a part of the policies that it should have, as it never had all of them. */
  isPartial: boolean
}

type Deps = Pick<OperatorDeps, 'caches'>
const REFERENCES = { ingress: ingressPolicies, egress: egressPolicies }

/** Pure. */
export function resolvePolicies(group: FirewallGroup, deps: Deps): Ruling {
  const { policies, lacks } = wantedPolicies(group, deps)
  const before = lacks.length > 0 ? policiesBefore(group, deps) : undefined
  return { policies: before ?? policies, lacks, isPartial: lacks.length > 0 && !before }
}

function wantedPolicies(group: FirewallGroup, { caches }: Deps): Pick<Ruling, 'policies' | 'lacks'> {
  const policies: Policies = {}
  const lacks: Outcome[] = []
  for (const direction of DIRECTIONS.filter((one) => group.spec[one])) {
    const reference = REFERENCES[direction]
    const found = reference.refs(group).map((named) => resolve(reference, group, named, caches))
    // Not beyond the first that is missing: what it would deny, a later one may allow.
    const missing = found.findIndex((policy) => !policy.ok)
    const known = missing < 0 ? found : found.slice(0, missing)
    policies[direction] = known.flatMap((policy) => (policy.ok ? [policy.object] : []))
    lacks.push(...found.flatMap((policy) => (policy.ok ? [] : [policy.outcome])))
  }
  return { policies, lacks }
}

/** Those of the last time that it had all that it asked for. Undefined: it never had, or one of them has been removed by force. */
function policiesBefore({ status = {} }: FirewallGroup, { caches }: Deps): Policies | undefined {
  if (status.incomplete === true) return undefined
  const policies: Policies = {}
  for (const direction of DIRECTIONS) {
    const had = status[`${direction}Policies`]
    if (!had) continue
    const found = had.flatMap(({ policyUID }) => caches.firewallPolicies.findByUid(policyUID) ?? [])
    if (found.length < had.length) return undefined
    policies[direction] = found
  }
  return Object.keys(policies).length > 0 ? policies : undefined
}

/** Their rules, in order. */
export function rulesOf(policies: Policies): Pick<LogicalFirewallGroup, Direction> {
  return mapDirections(policies, ({ spec }) => (spec.rules ?? []).flatMap(toLogical))
}

export function recordPolicies(group: FirewallGroup, { policies, isPartial }: Ruling): void {
  const status = (group.status ??= {})
  delete status.ingressPolicies
  delete status.egressPolicies
  delete status.incomplete
  const { ingress, egress } = mapDirections(policies, (policy) => [
    { policy: keyOfObject(policy), policyUID: policy.metadata.uid },
  ])
  if (ingress) status.ingressPolicies = ingress
  if (egress) status.egressPolicies = egress
  if (isPartial) status.incomplete = true
}

function mapDirections<T>(
  policies: Policies,
  map: (policy: FirewallPolicy) => readonly T[],
): Partial<Record<Direction, T[]>> {
  const mapped = DIRECTIONS.flatMap((direction) => {
    const all = policies[direction]
    return all ? [[direction, all.flatMap(map)] as const] : []
  })
  return Object.fromEntries(mapped)
}
