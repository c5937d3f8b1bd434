// SPDX-License-Identifier: Apache-2.0
// The ends of an InstanceAction. Each is told by an Event, once.
import type { InstanceAction } from '../../../lib/api/types.ts'
import type { ObservedAction } from '../../../lib/contract/documents.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { finish as markFinished, ttlMsOf } from '../common/finished.ts'
import { deadlineSecondsOf } from './deadline.ts'

type Status = NonNullable<InstanceAction['status']>
export type ActionRun = Pick<Run, 'client' | 'signal' | 'now' | 'event'>
type Finished = Extract<NonNullable<Status['state']>, 'Succeeded' | 'Failed' | 'Cancelled'>

export const DEFAULT_TTL_SECONDS = 604_800
/** Of a condition. */
export const MOST_CHARACTERS = 1024

export function finishAs(action: InstanceAction, { result, reason, message }: ObservedAction, run: ActionRun): Outcome {
  if (result === 'Succeeded') return finishDone(action, 'done', run)
  const unsaid = 'the node does not say why'
  const why = { reason: result === 'Unknown' ? 'OutcomeUnknown' : (reason ?? 'Failed'), message: message ?? unsaid }
  return finish(action, 'Failed', why, run)
}

export function finish(
  action: InstanceAction,
  state: Finished,
  { reason, message }: { reason: string; message: string },
  { now, event }: ActionRun,
): Outcome {
  markFinished(action, state, now)
  const { type, instanceRef, requestedBy } = action.spec
  const by = requestedBy === undefined ? '' : `, asked for by ${requestedBy},`
  const note = `${type} of Instance ${instanceRef.name}${by}: ${message}`.slice(0, MOST_CHARACTERS)
  event({ type: state === 'Failed' ? 'Warning' : 'Normal', reason: state, action: action.spec.type, note })
  return state === 'Succeeded'
    ? { kind: 'done', retryAfterMs: ttlMsOf(action, DEFAULT_TTL_SECONDS) }
    : waitFor(reason, message, ttlMsOf(action, DEFAULT_TTL_SECONDS))
}

export function finishDone(action: InstanceAction, message: string, run: ActionRun): Outcome {
  return finish(action, 'Succeeded', { reason: 'Succeeded', message }, run)
}

export function finishUnknown(action: InstanceAction, message: string, run: ActionRun): Outcome {
  return finish(action, 'Failed', { reason: 'OutcomeUnknown', message }, run)
}

/** Its deadline is over. @param who has not said what came of it */
export function finishLate(action: InstanceAction, who: string, run: ActionRun): Outcome {
  const message = `${who} has not said within ${deadlineSecondsOf(action)} s what came of it${afterLast(action.status)}: it may have been done`
  return finishUnknown(action, message, run)
}

/** For messages. */
export function afterLast(status: Status | undefined): string {
  const last = status?.steps?.at(-1)?.name
  return last === undefined ? '' : `, after ${last}`
}
