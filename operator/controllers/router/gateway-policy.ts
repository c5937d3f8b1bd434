// SPDX-License-Identifier: Apache-2.0
// The limits of what passes a router's gateway.
import type { Router } from '../../../lib/api/types.ts'
import type { LogicalGateway } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { applyPolicy, removePolicy } from '../qos-policy/apply.ts'
import { policyInEffect, resolvePolicy } from '../qos-policy/users.ts'
import { resolveGateway, type Gateway, type ResolvedGateway } from './gateway.ts'
import type { GatewayDeps } from './gateway-addresses.ts'
import { qosPolicy } from './kind.ts'
import type { Range } from './ranges.ts'

/** Its gateway. A new one is not made before its policy is known; an existing one keeps the policy that it has. */
export async function resolveLimited(
  router: Router,
  ranges: readonly Range[],
  deps: GatewayDeps,
): Promise<ResolvedGateway> {
  const policy = resolvePolicy(qosPolicy, router, deps.caches)
  if (policy.ok) return resolveGateway(router, ranges, deps)
  if (router.status?.externalGateway === undefined) return { lacks: [policy.outcome] }
  const resolved = await resolveGateway(router, ranges, deps)
  return { ...resolved, lacks: [...resolved.lacks, policy.outcome] }
}

/** @param logical undefined: no node carries it at the moment, and what limits it may stay */
export async function limitGateway(
  router: Router,
  gateway: Gateway | undefined,
  logical: LogicalGateway | undefined,
  deps: Pick<OperatorDeps, 'caches' | 'network'>,
  signal: AbortSignal,
): Promise<void> {
  if (!gateway) return removePolicy(router, deps, signal)
  const policy = policyInEffect(resolvePolicy(qosPolicy, router, deps.caches), router, deps.caches)
  if (!logical || !policy.ok) return
  const { networkUid, mac } = logical
  const target = { what: 'gateway', routerUid: router.metadata.uid, mac } as const
  await applyPolicy(router, policy.object, { networkUid, target }, deps, signal)
}
