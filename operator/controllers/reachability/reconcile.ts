// SPDX-License-Identifier: Apache-2.0
import { REACHABILITY } from '../../../lib/api/kinds.ts'
import type { Reachability } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { isTerminal, TransientError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { follow } from './follow.ts'
import { isFinished } from './kind.ts'
import { resolveQuestion } from './question.ts'
import { findUnsettled } from './settling.ts'

/** How long a question may wait for what it names, or for the backend, before it fails: it is not kept for ever. */
const PATIENCE_MS = 60_000
const DEFAULT_TTL_SECONDS = 600

type Deps = Pick<OperatorDeps, 'caches' | 'network'>
type Waiting = Extract<Outcome, { kind: 'wait' }>

/** Pending until it can be asked; Succeeded with the answer, or Failed; and gone. */
export async function reconcileReachability(
  reachability: Reachability,
  deps: Deps,
  run: Pick<Run, 'client' | 'signal' | 'now'>,
): Promise<Outcome> {
  if (reachability.metadata.deletionTimestamp !== undefined) return done
  if (isFinished(reachability)) return expire(reachability, run)
  const leftMs = Date.parse(reachability.metadata.creationTimestamp ?? '') + PATIENCE_MS - run.now.getTime()
  try {
    const waiting = await ask(reachability, deps, run)
    if (!waiting) return await expire(reachability, run)
    if (leftMs <= 0) return fail(reachability, waiting, run.now)
    return { ...waiting, retryAfterMs: Math.min(leftMs, waiting.retryAfterMs ?? leftMs) }
  } catch (error) {
    const isOver = isTerminal(error) || (error instanceof TransientError && leftMs <= 0)
    if (!isOver) throw error
    return fail(reachability, error, run.now)
  }
}

/** @returns what it waits for */
async function ask(
  reachability: Reachability,
  deps: Deps,
  { signal, now }: Pick<Run, 'signal' | 'now'>,
): Promise<Waiting | undefined> {
  const status = (reachability.status ??= {})
  status.state = 'Pending'
  const question = resolveQuestion(reachability, deps.caches)
  if (!question.ok) {
    if (question.outcome.kind !== 'wait') throw new Error(`${question.outcome.kind} is no reason to wait`)
    return question.outcome
  }
  const unsettled = findUnsettled(question.object, deps.caches)
  if (unsettled !== undefined)
    return { kind: 'wait', reason: 'Settling', message: `waiting for the change of ${unsettled} to be in effect` }
  Object.assign(status, await follow(question.object, deps, signal))
  status.state = 'Succeeded'
  status.completionTime = toTime(now)
  return undefined
}

/** There will be no answer. */
function fail(
  reachability: Reachability,
  { reason, message }: { reason: string; message: string },
  now: Date,
): Outcome {
  const status = (reachability.status ??= {})
  status.state = 'Failed'
  status.completionTime = toTime(now)
  return waitFor(reason, message, ttlMsOf(reachability))
}

/** Deleted `ttlSecondsAfterFinished` after it was finished. */
async function expire(
  reachability: Reachability,
  { client, signal, now }: Pick<Run, 'client' | 'signal' | 'now'>,
): Promise<Outcome> {
  const { metadata, status } = reachability
  const leftMs = Date.parse(status?.completionTime ?? '') + ttlMsOf(reachability) - now.getTime()
  if (leftMs > 0) {
    const why = findCondition(status?.conditions, 'Ready')
    if (status?.state === 'Failed' && why) return waitFor(why.reason, why.message, leftMs)
    return { kind: 'done', retryAfterMs: leftMs }
  }
  const { namespace = '', name, uid } = metadata
  await client.remove(REACHABILITY, { namespace, name }, { preconditions: { uid }, signal })
  return done
}

function ttlMsOf({ spec }: Reachability): number {
  return (spec.ttlSecondsAfterFinished ?? DEFAULT_TTL_SECONDS) * 1000
}

function toTime(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}
