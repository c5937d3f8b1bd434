// SPDX-License-Identifier: Apache-2.0
import { PLACEMENT_PREVIEW } from '../../../lib/api/kinds.ts'
import type { PlacementPreview } from '../../../lib/api/types.ts'
import { isTerminal } from '../../../lib/errors.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import { expire, fail, finish, isFinished, patienceLeftMs } from '../common/finished.ts'
import type { InstanceDeps, InstanceRun } from '../instance/deps.ts'
import { judgeAll } from './judge-all.ts'
import { Pace } from './pace.ts'
import { resolveQuestion } from './question.ts'

/** Pending until what it names is there; Succeeded with the answer, or Failed; and gone. Nothing else is written or kept free by it. */
export async function reconcilePlacementPreview(
  preview: PlacementPreview,
  deps: InstanceDeps,
  run: InstanceRun,
  pace: Pick<Pace, 'next'> = new Pace(run.signal),
): Promise<Outcome> {
  if (preview.metadata.deletionTimestamp !== undefined) return done
  if (isFinished(preview)) return expire(preview, PLACEMENT_PREVIEW, run)
  const status = (preview.status ??= {})
  status.state = 'Pending'
  const leftMs = patienceLeftMs(preview, run.now)
  try {
    const trial = deps.scheduler.fork()
    const question = await resolveQuestion(preview, trial, deps, run)
    if (question.ok) Object.assign(status, await judgeAll(question.object, trial, preview.spec, pace))
    else if (question.outcome.kind !== 'wait') return question.outcome
    else if (leftMs <= 0) return fail(preview, question.outcome, run.now)
    else return { ...question.outcome, retryAfterMs: Math.min(leftMs, question.outcome.retryAfterMs ?? leftMs) }
  } catch (error) {
    if (isTerminal(error)) return fail(preview, error, run.now)
    throw error
  }
  finish(preview, 'Succeeded', run.now)
  return expire(preview, PLACEMENT_PREVIEW, run)
}
