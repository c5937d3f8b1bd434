// SPDX-License-Identifier: Apache-2.0

/** The result of a reconcile run. Waiting is not an error; see lib/errors.ts for what is thrown. */
export type Outcome =
  /** Everything is as the spec wants it. */
  | { kind: 'done'; retryAfterMs?: number }
  /** Something else has to happen first; the condition shows reason and message. */
  | { kind: 'wait'; reason: string; message: string; retryAfterMs?: number }
  /** Write the status now, then run again at once: a decision must be acknowledged before it is acted on. */
  | { kind: 'saved' }
  /** Nothing is left outside Kubernetes: the finalizer may be removed. */
  | { kind: 'released' }

export const done: Outcome = { kind: 'done' }
export const saved: Outcome = { kind: 'saved' }
export const released: Outcome = { kind: 'released' }

/** @param retryAfterMs only for what no watch announces, such as the world outside the cluster */
export function waitFor(reason: string, message: string, retryAfterMs?: number): Outcome {
  return retryAfterMs === undefined
    ? { kind: 'wait', reason, message }
    : { kind: 'wait', reason, message, retryAfterMs }
}
