// SPDX-License-Identifier: Apache-2.0
import { REACHABILITY } from '../../../lib/api/kinds.ts'
import type { Reachability } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { isTerminal, TransientError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { follow } from './follow.ts'
import { isFinished } from './kind.ts'
import { unsentProbe } from './probe-words.ts'
import { findProbeLimit, followProbe, placeProbe, releaseProbe, type ProbingDeps } from './probing.ts'
import { resolveQuestion } from './question.ts'
import { findUnsettled } from './settling.ts'

/** How long a question may wait for what it names, or for the backend, before it fails: it is not kept for ever. */
const PATIENCE_MS = 60_000
const DEFAULT_TTL_SECONDS = 600

/** How much longer a node may take to say what came of its probe. */
const PROBE_PATIENCE_MS = 30_000

type Deps = Pick<OperatorDeps, 'network'> & ProbingDeps
type ReachabilityRun = Pick<Run, 'client' | 'signal' | 'now'>

/** Pending until it can be asked, and until its probe is over; Succeeded with the answer, or Failed; and gone. */
export async function reconcileReachability(
  reachability: Reachability,
  deps: Deps,
  run: ReachabilityRun,
): Promise<Outcome> {
  if (reachability.metadata.deletionTimestamp !== undefined) return remove(reachability, deps)
  if (isFinished(reachability)) {
    await releaseProbe(reachability, deps)
    return expire(reachability, run)
  }
  const isProbing = reachability.status?.node !== undefined
  const patienceMs = PATIENCE_MS + (isProbing ? PROBE_PATIENCE_MS : 0)
  const leftMs = Date.parse(reachability.metadata.creationTimestamp ?? '') + patienceMs - run.now.getTime()
  const giveUp = (why: { reason: string; message: string }): Promise<Outcome> | Outcome => {
    if (!isProbing) return fail(reachability, why, run.now)
    const { node } = reachability.status ?? {}
    Object.assign(reachability.status ?? {}, { probe: unsentProbe(why.message, node) })
    return succeed(reachability, run)
  }
  try {
    const outcome = await (isProbing
      ? followProbe(reachability, () => resolveQuestion(reachability, deps.caches), deps)
      : ask(reachability, deps, run))
    if (!outcome) return await succeed(reachability, run)
    if (outcome.kind !== 'wait') return outcome
    if (leftMs <= 0) return await giveUp(outcome)
    return { ...outcome, retryAfterMs: Math.min(leftMs, outcome.retryAfterMs ?? leftMs) }
  } catch (error) {
    if (isTerminal(error) || (error instanceof TransientError && leftMs <= 0)) return giveUp(error)
    throw error
  }
}

/** @returns what comes before its end; undefined: it is answered */
async function ask(
  reachability: Reachability,
  deps: Deps,
  { signal }: Pick<Run, 'signal'>,
): Promise<Outcome | undefined> {
  const status = (reachability.status ??= {})
  status.state = 'Pending'
  const question = resolveQuestion(reachability, deps.caches)
  if (!question.ok) return question.outcome
  const unsettled = findUnsettled(question.object, deps.caches)
  if (unsettled !== undefined) return waitFor('Settling', `waiting for the change of ${unsettled} to be in effect`)
  const limit = findProbeLimit(reachability, question.object, deps)
  if (limit) return limit
  Object.assign(status, await follow(question.object, deps, signal))
  return reachability.spec.verify === true ? placeProbe(reachability, question.object, deps) : undefined
}

async function succeed(reachability: Reachability, run: ReachabilityRun): Promise<Outcome> {
  const status = (reachability.status ??= {})
  Object.assign(status, { state: 'Succeeded', completionTime: toTime(run.now) })
  // What the node heard is written before it forgets that it has sent anything.
  return status.node === undefined ? expire(reachability, run) : saved
}

async function remove(reachability: Reachability, deps: Deps): Promise<Outcome> {
  const users = waitForHolders('reachabilities', reachability, deps.caches)
  return users ?? (await releaseProbe(reachability, deps)) ?? released
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
async function expire(reachability: Reachability, { client, signal, now }: ReachabilityRun): Promise<Outcome> {
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
