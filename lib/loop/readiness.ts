// SPDX-License-Identifier: Apache-2.0
import { findCondition, isConditionTrue, setReadiness, type Readiness } from '../conditions.ts'
import { ApiError, isForbidden, isInvalid, isNamespaceTerminating, NAMESPACE_TERMINATING } from '../kube/errors.ts'
import { isTerminal, messageOf, TransientError } from '../errors.ts'
import type { CommonStatus, KubeObject } from '../kube/object.ts'
import type { ControllerDefinition, RunResult } from './controller.ts'

/** How a thrown error counts. Only TerminalError is terminal: a refusal by the apiserver may be for somebody else to fix. */
export function resultOfError(error: unknown, failures: number): RunResult {
  if (isTerminal(error)) return { kind: 'terminal', reason: error.reason, message: error.message }
  return { kind: 'transient', reason: reasonOf(error), message: textOf(error), failures }
}

/** The same for a run of this definition; on a failure that only a person can fix, the object gets the definition's error state. */
export function resultOfFailure<T extends KubeObject>(
  { errorState }: Pick<ControllerDefinition<T>, 'errorState'>,
  object: T,
  error: unknown,
  failures: number,
): RunResult {
  const result = resultOfError(error, failures)
  if (result.kind === 'terminal' && errorState !== undefined)
    object.status = { ...(object.status as object), state: errorState }
  return result
}

function reasonOf(error: unknown): string {
  if (error instanceof TransientError) return error.reason
  if (isNamespaceTerminating(error)) return NAMESPACE_TERMINATING
  if (isForbidden(error)) return 'Forbidden'
  if (isInvalid(error)) return 'WriteRefused'
  return 'Error'
}

/** Unexpected errors may hold host paths or credentials: their text stays in the log. */
function textOf(error: unknown): string {
  if (error instanceof TransientError) return messageOf(error)
  if (isNamespaceTerminating(error)) return 'its namespace is being deleted, where nothing new can be made: it goes too'
  if (error instanceof ApiError) return error.status.message ?? `the Kubernetes API answered with ${error.code}`
  return 'an unexpected error; it is in the log of the operator and will be tried again'
}

/**
 * The standard mapping of a run to Ready, Reconciling and Stalled.
 *
 * | run       | Ready | Reconciling | Stalled |
 * |-----------|-------|-------------|---------|
 * | done      | True  |             |         |
 * | wait      | False | True        |         |
 * | saved     | as was| True        |         |
 * | transient | as was| True        |         |
 * | terminal  | False |             | True    |
 */
export function readinessOf(object: KubeObject, result: RunResult): Readiness {
  const conditions = (object.status as CommonStatus | undefined)?.conditions
  const wasReady = isConditionTrue(conditions, 'Ready')
  const acting = { reconciling: true, stalled: false }
  switch (result.kind) {
    case 'terminal':
      return { ready: false, reconciling: false, stalled: true, reason: result.reason, message: result.message }
    case 'transient':
      return { ready: wasReady, ...acting, reason: result.reason, message: result.message }
    case 'outcome':
      break
  }
  const { outcome } = result
  switch (outcome.kind) {
    case 'done':
    case 'released':
      return {
        ready: true,
        reconciling: false,
        stalled: false,
        reason: 'Ready',
        message: 'everything is as the spec wants it',
      }
    case 'wait':
      return { ready: false, ...acting, reason: outcome.reason, message: outcome.message }
    case 'saved': {
      const now = findCondition(conditions, 'Reconciling')
      return {
        ready: wasReady,
        ...acting,
        reason: now?.reason ?? 'Progressing',
        message: now?.message ?? 'work has begun',
      }
    }
  }
}

/** Puts the three conditions and observedGeneration into the object's status. */
export function writeReadiness(object: KubeObject, readiness: Readiness, now: Date): void {
  const status = (object.status ?? {}) as CommonStatus
  object.status = status
  const { generation } = object.metadata
  status.conditions = setReadiness(status.conditions, readiness, generation, now)
  if (generation !== undefined) status.observedGeneration = generation
}
