// SPDX-License-Identifier: Apache-2.0
import type { LogicalListener } from '../logical-kinds.ts'

type Monitor = NonNullable<LogicalListener['monitor']>

/** Seconds for the way of a result: ovn-controller, the southbound database, ovn-northd, and back to all nodes. */
const WAY_SECONDS = 1

/**
 * OVN's `interval` for a monitor, so that a member that answers nothing is out within `failureThreshold` times `intervalSeconds` (two of them at
 * least). OVN counts its interval from the end of a probe, which of such a member is `timeout` later, and until 26.03 looks at a probe that
 * timed out only when the next one is due (ovn-controller's svc_monitors_run): F failures take F × (interval + timeout) + interval. So those that
 * answer are probed more often than each `intervalSeconds`. OVN knows whole seconds: with an interval of 1 and two failures it takes five. Pure.
 */
export function probeIntervalOf({ intervalSeconds, timeoutSeconds, failureThreshold }: Monitor): number {
  const bound = Math.max(failureThreshold, 2) * intervalSeconds
  const fitting = Math.floor((bound - WAY_SECONDS - failureThreshold * timeoutSeconds) / (failureThreshold + 1))
  return Math.max(1, Math.min(fitting, intervalSeconds))
}
