// SPDX-License-Identifier: Apache-2.0
import { CLOUD, CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { Cloud } from '../../../lib/api/types.ts'
import { findCondition, isConditionTrue, type Readiness } from '../../../lib/conditions.ts'
import type { ControllerDefinition, RunResult } from '../../../lib/loop/controller.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { CHECKING, reconcileCloud } from './reconcile.ts'

/** Never held: this is the controller that reports why all others stand still. */
export function cloudController(deps: OperatorDeps): ControllerDefinition<Cloud> {
  return {
    name: 'cloud',
    kind: CLOUD,
    runsWhileHeld: true,
    sources: [
      ({ enqueue }) => deps.bus.heartbeats.onChange(() => enqueue(CLOUD_NAME)),
      ({ enqueue }) => deps.network.onHealth(() => enqueue(CLOUD_NAME)),
      ({ enqueue }) => deps.certificateWatch?.onChange(() => enqueue(CLOUD_NAME)) ?? (() => undefined),
      ({ enqueue }) => deps.regression.onSuspicion(() => enqueue(CLOUD_NAME)),
    ],
    reconcile: (cloud, run) => reconcileCloud(cloud, deps, run),
    readiness: cloudReadiness,
  }
}

/** While something is being verified everything stays as it was, so that nothing is written. */
export function cloudReadiness(cloud: Cloud, result: RunResult): Readiness {
  const isChecking = result.kind === 'outcome' && result.outcome.kind === 'wait' && result.outcome.reason === CHECKING
  const conditions = cloud.status?.conditions
  const ready = findCondition(conditions, 'Ready')
  if (!isChecking || !ready) return readinessOf(cloud, result)
  return {
    ready: ready.status === 'True',
    reconciling: isConditionTrue(conditions, 'Reconciling'),
    stalled: isConditionTrue(conditions, 'Stalled'),
    reason: ready.reason,
    message: ready.message,
  }
}
