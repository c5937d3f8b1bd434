// SPDX-License-Identifier: Apache-2.0
import { REACHABILITY } from '../../../lib/api/kinds.ts'
import type { Reachability } from '../../../lib/api/types.ts'
import { isTerminal, TransientError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { expire, fail, finish, isFinished, PATIENCE_MS, patienceLeftMs } from '../common/finished.ts'
import { follow } from './follow.ts'
import { unsentProbe } from './probe-words.ts'
import { findProbeLimit, followProbe, placeProbe, releaseProbe, type ProbingDeps } from './probing.ts'
import { resolveQuestion } from './question.ts'
import { findUnsettled } from './settling.ts'

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
    return expire(reachability, REACHABILITY, run)
  }
  const isProbing = reachability.status?.node !== undefined
  const patienceMs = PATIENCE_MS + (isProbing ? PROBE_PATIENCE_MS : 0)
  const leftMs = patienceLeftMs(reachability, run.now, patienceMs)
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
  finish(reachability, 'Succeeded', run.now)
  // What the node heard is written before it forgets that it has sent anything.
  return reachability.status?.node === undefined ? expire(reachability, REACHABILITY, run) : saved
}

async function remove(reachability: Reachability, deps: Deps): Promise<Outcome> {
  const users = waitForHolders('reachabilities', reachability, deps.caches)
  return users ?? (await releaseProbe(reachability, deps)) ?? released
}
