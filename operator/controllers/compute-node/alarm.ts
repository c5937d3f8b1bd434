// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import { findCondition, setCondition } from '../../../lib/conditions.ts'
import type { Run } from '../../../lib/loop/controller.ts'

export interface Alarm {
  /** The condition's type. It is False while the alarm stands, and absent until the alarm is first raised. */
  type: string
  reason: string
  /** What is wrong and what to do; undefined: nothing is wrong. */
  message: string | undefined
  /** What the condition says once the alarm is over. */
  over: { reason: string; message: string }
}

/** Kept below the limit of an Event's note. */
const MOST_CHARACTERS = 1000

/** Sets the alarm's condition on the node, with one Event each time that it is raised. */
export function tellAlarm(
  computeNode: ComputeNode,
  { type, reason, message, over }: Alarm,
  run: Pick<Run, 'now' | 'event'>,
): void {
  const status = (computeNode.status ??= {})
  const { generation } = computeNode.metadata
  const isRaised = findCondition(status.conditions, type)?.status === 'False'
  if (message === undefined) {
    if (isRaised)
      status.conditions = setCondition(status.conditions, { type, status: 'True', ...over }, generation, run.now)
    return
  }
  status.conditions = setCondition(status.conditions, { type, status: 'False', reason, message }, generation, run.now)
  if (!isRaised) run.event({ type: 'Warning', reason, action: 'Watch', note: message.slice(0, MOST_CHARACTERS) })
}
