// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { isWithinMeans, listUnrecorded, mostMachines } from '../common/claimed-nics.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import { restoreWindowMs } from '../../restore-guard/restore-window.ts'
import { tellAlarm } from './alarm.ts'

export const MACHINE_CLAIMS = 'MachineClaims'
const MACHINES_UNKNOWN = 'MachinesUnknown'
const NAMED = 3

/**
 * Raises an alarm when a node reports machines that we did not put there and whose MACs and addresses are not reserved for them (see
 * instance/unclear-owner.ts): forgotten leftovers, or somebody using the node's credentials.
 */
export function judgeMachineClaims(
  computeNode: ComputeNode,
  deps: Pick<OperatorDeps, 'bus' | 'caches'>,
  run: Pick<Run, 'now' | 'event'>,
): void {
  const message = isConfirmedLost(computeNode.metadata.name, deps)
    ? undefined
    : whyNotBelieved(computeNode, deps, run.now)
  const over = { reason: 'MachinesOnRecord', message: 'the node has no machine that is not believed' }
  tellAlarm(computeNode, { type: MACHINE_CLAIMS, reason: MACHINES_UNKNOWN, message, over }, run)
}

function whyNotBelieved(
  computeNode: ComputeNode,
  deps: Pick<OperatorDeps, 'bus' | 'caches'>,
  now: Date,
): string | undefined {
  const { name } = computeNode.metadata
  const machines = listUnrecorded(name, deps)
  if (machines.length === 0) return undefined
  const isTooMuch = !isWithinMeans(machines, computeNode)
  if (!isTooMuch && restoreWindowMs(deps, now) > 0) return undefined
  const shown = isTooMuch ? machines : machines.filter(({ isUnknown }) => isUnknown)
  if (shown.length === 0) return undefined
  const uids = shown.map(({ uid }) => uid).sort()
  const more = uids.length > NAMED ? ` and ${uids.length - NAMED} more` : ''
  const what = `node ${name} says that it has machines with MACs and addresses that nothing put there: ${uids.slice(0, NAMED).join(', ')}${more}`
  const why = isTooMuch ? `, more than the ${mostMachines(computeNode)} that it could run` : ''
  return (
    `${what}${why}. They are given to others. Left from before a restore? Have the node release them (docs/backup.md). ` +
    `Else somebody speaks with its credentials: take its power away, then set spec.lost: Confirmed`
  )
}
