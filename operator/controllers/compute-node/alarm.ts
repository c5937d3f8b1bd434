// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import { findCondition, setCondition } from '../../../lib/conditions.ts'
import type { Run } from '../../../lib/loop/controller.ts'

export interface Alarm {
  /** Of the condition, which is False while it stands and not there before it was ever raised. */
  type: string
  reason: string
  /** What is wrong and what to do; undefined: nothing is. */
  message: string | undefined
  /** What is said once it is over. */
  over: { reason: string; message: string }
}

/** An Event's note has no more characters. */
const MOST_CHARACTERS = 1000

/** A condition of the node, and one Event each time that it is raised. */
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
