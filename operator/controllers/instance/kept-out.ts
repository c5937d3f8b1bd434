// SPDX-License-Identifier: Apache-2.0
// A HostAggregate that was learnt of after a machine had been placed, and before its node was told (docs/decisions/0070).
import type { Instance, Port } from '../../../lib/api/types.ts'
import { listClassFilters } from '../../scheduler/policy.ts'
import { commonFactsNow } from '../compute-node/aggregates.ts'
import { policyFor } from '../scheduler-profile/policy-for.ts'
import type { Admitted } from './admitted.ts'
import type { InstanceDeps } from './deps.ts'
import { toRequest } from './schedule.ts'
import { hasBegun } from './withdraw.ts'

/**
 * Why a machine of which its node knows nothing yet has to give its place up: by what HostAggregates say now, filters of its profile that look at
 * nothing but what nodes have in common refuse the node. Nobody has begun anything there, so it is of no matter which came first.
 */
export function whyKeptOut(
  instance: Instance,
  { admitted, ports }: { admitted: Admitted; ports: readonly Port[] },
  deps: InstanceDeps,
): string | undefined {
  const { node = '' } = instance.status ?? {}
  if (hasBegun(instance, deps)) return undefined
  const row = deps.scheduler.nodes.find(node)
  const by = policyFor(admitted.now.extraSpecs, deps.caches)
  if (!row || !by.ok) return undefined
  const request = toRequest(instance, { admitted, ports, size: admitted.now }, true, deps)
  const facts = commonFactsNow(row, deps.caches)
  const why = listClassFilters(by.policy)
    .map((filter) => filter.refuse(facts, request))
    .find((said) => said !== undefined)
  return why && `node ${node} ${why}, which became known after it had been placed there`
}
