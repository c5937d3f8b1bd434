// SPDX-License-Identifier: Apache-2.0
import { PLACEMENT_PREVIEW } from '../../../lib/api/kinds.ts'
import type { PlacementPreview } from '../../../lib/api/types.ts'
import { isTerminal } from '../../../lib/errors.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import { expire, fail, finish, isFinished, patienceLeftMs } from '../common/finished.ts'
import type { InstanceDeps, InstanceRun } from '../instance/deps.ts'
import { findNode, judgeDrain } from './drain.ts'
import { judgeAll } from './judge-all.ts'
import { Pace } from './pace.ts'
import { resolveQuestion } from './question.ts'

interface Means {
  deps: InstanceDeps
  run: InstanceRun
  pace: Pick<Pace, 'next'>
}

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
    const waits = await answer(preview, { deps, run, pace })
    if (waits && waits.kind !== 'wait') return waits
    if (waits && leftMs <= 0) return fail(preview, waits, run.now)
    if (waits) return { ...waits, retryAfterMs: Math.min(leftMs, waits.retryAfterMs ?? leftMs) }
  } catch (error) {
    if (isTerminal(error)) return fail(preview, error, run.now)
    throw error
  }
  finish(preview, 'Succeeded', run.now)
  return expire(preview, PLACEMENT_PREVIEW, run)
}

/** @returns what it waits for; undefined: the answer is in its status */
async function answer(preview: PlacementPreview, by: Means): Promise<Outcome | undefined> {
  const { spec, status = {} } = preview
  const { deps, run, pace } = by
  // The table is copied for what can be answered alone: that takes the longest of all that does not wait.
  if (spec.drainNode === undefined) {
    const question = await resolveQuestion(preview, deps.scheduler, deps, run)
    if (!question.ok) return question.outcome
    Object.assign(status, await judgeAll(question.object, deps.scheduler.fork(), spec, pace))
  } else {
    const node = findNode(spec.drainNode, deps)
    if (!node.ok) return node.outcome
    Object.assign(status, await judgeDrain(node.object, deps.scheduler.fork(), spec, by))
  }
  return undefined
}
