// SPDX-License-Identifier: Apache-2.0
// Objects that ask for something: answered, or done, once, and deleted some time after that.
import { findCondition } from '../../../lib/conditions.ts'
import type { CommonStatus, KubeObject, ResourceKind } from '../../../lib/kube/object.ts'
import type { Readiness } from '../../../lib/conditions.ts'
import type { Run, RunResult } from '../../../lib/loop/controller.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { toTime } from '../../../lib/time/rfc3339.ts'

/** How long a question may wait for what it names before it fails: it is not kept for ever. */
export const PATIENCE_MS = 60_000
const DEFAULT_TTL_SECONDS = 600
/** Of a condition. */
const MOST_CHARACTERS = 1024

type Finished = 'Succeeded' | 'Failed' | 'Cancelled'

interface QuestionStatus extends CommonStatus {
  state?: 'Pending' | 'Running' | Finished
  completionTime?: string
}

interface Question extends KubeObject {
  spec: { ttlSecondsAfterFinished?: number }
  status?: QuestionStatus
}

/** There is an answer, or there will be none. */
export function isFinished({ status }: Pick<Question, 'status'>): boolean {
  return status?.state === 'Succeeded' || status?.state === 'Failed' || status?.state === 'Cancelled'
}

export function patienceLeftMs({ metadata }: KubeObject, now: Date, patienceMs = PATIENCE_MS): number {
  return Date.parse(metadata.creationTimestamp ?? '') + patienceMs - now.getTime()
}

/** Marks it finished. */
export function finish(question: Question, state: Finished, now: Date): void {
  Object.assign((question.status ??= {}), { state, completionTime: toTime(now) })
}

/** There will be no answer. */
export function fail(question: Question, { reason, message }: { reason: string; message: string }, now: Date): Outcome {
  finish(question, 'Failed', now)
  return waitFor(reason, message, ttlMsOf(question))
}

/** Deletes one that is finished, `ttlSecondsAfterFinished` after it was. @param defaultTtlSeconds where it does not say */
export async function expire(
  question: Question,
  kind: ResourceKind,
  { client, signal, now }: Pick<Run, 'client' | 'signal' | 'now'>,
  defaultTtlSeconds = DEFAULT_TTL_SECONDS,
): Promise<Outcome> {
  const { metadata, status } = question
  const leftMs = Date.parse(status?.completionTime ?? '') + ttlMsOf(question, defaultTtlSeconds) - now.getTime()
  if (leftMs > 0) {
    const why = findCondition(status?.conditions, 'Ready')
    if (status?.state !== 'Succeeded' && why) return waitFor(why.reason, why.message, leftMs)
    return { kind: 'done', retryAfterMs: leftMs }
  }
  const { namespace = '', name, uid } = metadata
  await client.remove(kind, { namespace, name }, { preconditions: { uid }, signal })
  return done
}

/** @param answer the answer in a sentence */
export function readinessOfQuestion(question: Question, result: RunResult, answer: () => string): Readiness {
  const { state } = question.status ?? {}
  const usual = readinessOf(question, result)
  // It waits for nothing but its end.
  if (state === 'Failed') return { ...usual, reconciling: false, stalled: true }
  if (!usual.ready || state !== 'Succeeded') return usual
  return { ...usual, reason: 'Answered', message: answer().slice(0, MOST_CHARACTERS) }
}

export function ttlMsOf({ spec }: Question, defaultTtlSeconds = DEFAULT_TTL_SECONDS): number {
  return (spec.ttlSecondsAfterFinished ?? defaultTtlSeconds) * 1000
}
