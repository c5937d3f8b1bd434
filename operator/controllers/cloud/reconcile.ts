// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { Cloud } from '../../../lib/api/types.ts'
import { setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { BusHealth, HeartbeatSettings } from '../../bus/bus.ts'
import { DEFAULT_HEARTBEAT } from '../../bus/heartbeats.ts'
import type { OperatorDeps } from '../common/deps.ts'

const SUSPECT_AGAIN_MS = 2_000

export function reconcileCloud(
  cloud: Cloud,
  deps: Pick<OperatorDeps, 'bus' | 'regression' | 'writer'>,
  now: Date,
): Outcome {
  const status = (cloud.status ??= {})
  if (cloud.metadata.name !== CLOUD_NAME) return waitFor('NotUsed', `only the Cloud named ${CLOUD_NAME} is used`)
  deps.bus.heartbeats.configure(heartbeatOf(cloud))
  const writer = deps.writer()
  const isSuspicious = deps.regression.checkBus(writer)
  const regressed = deps.regression.findMessage(writer)
  const health = deps.bus.heartbeats.health()
  status.term = writer.term
  status.highestIncarnationSeen = Math.max(status.highestIncarnationSeen ?? 0, writer.incarnation)
  for (const update of [busCondition(health), regressionCondition(regressed)]) {
    status.conditions = setCondition(status.conditions, update, cloud.metadata.generation, now)
  }
  status.state = regressed === undefined && health.healthy ? 'OK' : 'ERROR'
  if (regressed !== undefined) return waitFor('ControlPlaneRegressed', regressed)
  if (isSuspicious) return waitFor('Checking', 'comparing the bus with the store', SUSPECT_AGAIN_MS)
  return health.healthy ? done : waitFor(`Bus${health.reason}`, health.message)
}

/** What `spec.heartbeat` says, or what it says when it is left out. */
export function heartbeatOf(cloud: Cloud | undefined): HeartbeatSettings {
  const { intervalSeconds, missesBeforeDown = DEFAULT_HEARTBEAT.missesBeforeDown } = cloud?.spec.heartbeat ?? {}
  return {
    intervalMs: intervalSeconds === undefined ? DEFAULT_HEARTBEAT.intervalMs : intervalSeconds * 1000,
    missesBeforeDown,
  }
}

/** No counts in it while all is well: every node that joins would be a write. */
function busCondition(health: BusHealth): ConditionUpdate {
  if (health.healthy)
    return { type: 'BusHealthy', status: 'True', reason: 'Healthy', message: 'nodes are heard over NATS' }
  return { type: 'BusHealthy', status: 'False', reason: health.reason, message: health.message }
}

function regressionCondition(message: string | undefined): ConditionUpdate {
  const type = 'ControlPlaneRegressed'
  if (message === undefined)
    return { type, status: 'False', reason: 'Consistent', message: 'nothing newer than the resources is known' }
  return { type, status: 'True', reason: type, message }
}
