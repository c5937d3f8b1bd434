// SPDX-License-Identifier: Apache-2.0
// Whether another node takes over a Router's traffic to the outside: for whoever is about to drain or to lose one.
import type { Router } from '../../../lib/api/types.ts'
import { setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import type { GatewayNode } from '../common/gateway-nodes.ts'

const FAILOVER_READY = 'FailoverReady'
const LABEL = 'label another one with nephele.dev/network=gateway'

/**
 * Sets the condition FailoverReady of a Router whose gateway has nodes; others have none.
 * @param nodes its nodes, the preferred one first
 * @param candidates what is known of them
 */
export function recordFailover(
  router: Router,
  nodes: readonly string[],
  candidates: readonly GatewayNode[],
  now: Date,
): void {
  const status = (router.status ??= {})
  const chosen = nodes.flatMap((name) => candidates.find((node) => node.name === name) ?? [])
  const update = conditionOf(chosen)
  const others = (status.conditions ?? []).filter(({ type }) => type !== FAILOVER_READY)
  if (update) status.conditions = setCondition(status.conditions, update, router.metadata.generation, now)
  else if (others.length < (status.conditions ?? []).length) status.conditions = others
}

function conditionOf([active, ...others]: readonly GatewayNode[]): ConditionUpdate | undefined {
  if (!active) return undefined
  const type = FAILOVER_READY
  const { name } = active
  if (active.isClosed) {
    const message = `node ${name} is cordoned or unschedulable and still carries its traffic to the outside, since no other node can: ${LABEL} before ${name} goes`
    return { type, status: 'False', reason: 'GatewayNotDrained', message }
  }
  const standby = others.find(({ isUp }) => isUp)
  if (standby) {
    const condition =
      others.length > 1
        ? ''
        : `, as long as it reaches a third node that has a machine of the Router, or once spec.lost of ComputeNode ${name} says Confirmed`
    const message = `node ${standby.name} takes over its traffic to the outside when node ${name} fails${condition}`
    return { type, status: 'True', reason: 'StandbyReady', message }
  }
  const message = `only node ${name} can carry its traffic to the outside, which is cut off when that fails: ${LABEL}`
  return { type, status: 'False', reason: 'SoleGatewayNode', message }
}
