// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { Cloud } from '../../../lib/api/types.ts'
import { setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { BusHealth, HeartbeatSettings } from '../../bus/bus.ts'
import { DEFAULT_HEARTBEAT } from '../../bus/heartbeats.ts'
import type { OperatorDeps } from '../common/deps.ts'

const SUSPECT_AGAIN_MS = 2_000
const NETWORK_CONDITION = 'NetworkBackendHealthy'
export const CHECKING = 'Checking'

/**
 * The Cloud is the only object written while all others stand still, and only once: to report that the store went back in time.
 * @throws TerminalError `ControlPlaneRegressed` from then on, until spec.incarnation is raised
 */
export async function reconcileCloud(
  cloud: Cloud,
  deps: Pick<OperatorDeps, 'bus' | 'network' | 'regression' | 'writer' | 'certificateWatch'>,
  run: Pick<Run, 'client' | 'now' | 'event' | 'log' | 'signal'>,
): Promise<Outcome> {
  if (cloud.metadata.name !== CLOUD_NAME) return waitFor('NotUsed', `only the Cloud named ${CLOUD_NAME} is used`)
  deps.bus.heartbeats.configure(heartbeatOf(cloud))
  const { regression } = deps
  const writer = deps.writer()
  const mayProve = await regression.prove(writer, (kind, ref) => run.client.find(kind, ref, { signal: run.signal }))
  const message = regression.findMessage(writer)
  if (message !== undefined) return stop(cloud, message, writer.incarnation, deps, run)
  // Report nothing before it is certain: suspicions at a start are mostly a lagging cache.
  if (regression.isSuspicious()) return waitFor(CHECKING, 'comparing the bus with the store', SUSPECT_AGAIN_MS)

  const status = (cloud.status ??= {})
  const health = deps.bus.heartbeats.health()
  status.term = writer.term
  // In a new incarnation documents of older ones prove nothing; a person goes through what nodes still have of these.
  if (writer.incarnation > (status.highestIncarnationSeen ?? 0)) status.incarnationSince = run.now.toISOString()
  status.highestIncarnationSeen = Math.max(status.highestIncarnationSeen ?? 0, writer.incarnation)
  delete status.regressedIncarnation
  const network = deps.network.health()
  // While the backend's health is unknown, the condition stays as it was.
  const networkSaid = network ? [{ type: NETWORK_CONDITION, ...network }] : []
  const certificates = deps.certificateWatch?.condition()
  const certificatesSaid = certificates ? [certificates] : []
  setConditions(cloud, [busCondition(health), ...networkSaid, ...certificatesSaid, CONSISTENT], run.now)
  const isNetworkDown = network?.status === 'False'
  status.state = health.healthy && !isNetworkDown ? 'OK' : 'ERROR'
  const retry = mayProve ? { retryAfterMs: SUSPECT_AGAIN_MS } : {}
  if (!health.healthy) return { ...waitFor(`Bus${health.reason}`, health.message), ...retry }
  if (isNetworkDown) return { ...waitFor(`Network${network.reason}`, network.message), ...retry }
  return { ...done, ...retry }
}

function stop(
  cloud: Cloud,
  message: string,
  incarnation: number,
  { regression }: Pick<OperatorDeps, 'regression'>,
  run: Pick<Run, 'now' | 'event' | 'log'>,
): never {
  const status = (cloud.status ??= {})
  const reason = 'ControlPlaneRegressed'
  if ((status.regressedIncarnation ?? 0) < incarnation) {
    status.regressedIncarnation = incarnation
    status.highestIncarnationSeen = Math.max(
      status.highestIncarnationSeen ?? 0,
      incarnation,
      regression.highestIncarnation,
    )
    setConditions(cloud, [{ type: reason, status: 'True', reason, message }], run.now)
    status.state = 'ERROR'
    run.event({ type: 'Warning', reason, action: 'Compare', note: message })
    run.log.error({ incarnation, why: message }, 'the store went back in time: nothing is written any more')
  }
  throw new TerminalError(reason, message)
}

function setConditions(cloud: Cloud, updates: readonly ConditionUpdate[], now: Date): void {
  const status = (cloud.status ??= {})
  for (const update of updates)
    status.conditions = setCondition(status.conditions, update, cloud.metadata.generation, now)
}

/** What `spec.heartbeat` says, or what it says when it is left out. */
export function heartbeatOf(cloud: Cloud | undefined): HeartbeatSettings {
  const { intervalSeconds, missesBeforeDown = DEFAULT_HEARTBEAT.missesBeforeDown } = cloud?.spec.heartbeat ?? {}
  return {
    intervalMs: intervalSeconds === undefined ? DEFAULT_HEARTBEAT.intervalMs : intervalSeconds * 1000,
    missesBeforeDown,
  }
}

/** No counts while all is well: otherwise every node that joins would cause a write. */
function busCondition(health: BusHealth): ConditionUpdate {
  if (health.healthy)
    return { type: 'BusHealthy', status: 'True', reason: 'Healthy', message: 'nodes are heard over NATS' }
  return { type: 'BusHealthy', status: 'False', reason: health.reason, message: health.message }
}

const CONSISTENT: ConditionUpdate = {
  type: 'ControlPlaneRegressed',
  status: 'False',
  reason: 'Consistent',
  message: 'nothing newer than the resources is known',
}
