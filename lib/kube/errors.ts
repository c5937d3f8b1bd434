// SPDX-License-Identifier: Apache-2.0
import { StaleWriterError } from '../errors.ts'

// Errors between us and the apiserver, classified once. Two classes: ApiError, when the apiserver answered, and UnreachableError, when it
// did not (refused, reset, timed out): the latter is never terminal and never counts as "not found".

/** The reason both of the apiserver's cause and of our conditions. */
export const NAMESPACE_TERMINATING = 'NamespaceTerminating'

/** The part of metav1.Status that callers may use. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export interface StatusDetails {
  reason?: string
  message?: string
  details?: {
    name?: string
    kind?: string
    retryAfterSeconds?: number
    causes?: { reason?: string; message?: string; field?: string }[]
  }
}

/** The apiserver refused the request. */
export class ApiError extends Error {
  readonly code: number
  readonly status: StatusDetails
  /** What the server asked us to wait before the next attempt (header Retry-After or the Status body). */
  readonly retryAfterMs: number | undefined
  constructor(request: string, code: number, status: StatusDetails, retryAfterMs?: number) {
    super(`${request}: ${status.message ?? `HTTP ${code}`}`)
    this.name = 'ApiError'
    this.code = code
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** No answer: whether a write took effect is unknown, so the next run has to look. */
export class UnreachableError extends Error {
  constructor(request: string, cause: unknown) {
    super(`${request}: no answer from the apiserver`, { cause })
    this.name = 'UnreachableError'
  }
}

function hasCode(error: unknown, code: number): error is ApiError {
  return error instanceof ApiError && error.code === code
}

export function isNotFound(error: unknown): error is ApiError {
  return hasCode(error, 404)
}

/** The object changed since it was read, or a precondition (uid, resourceVersion) no longer holds: read again and retry. */
export function isConflict(error: unknown): error is ApiError {
  return hasCode(error, 409) && error.status.reason !== 'AlreadyExists'
}

export function isAlreadyExists(error: unknown): error is ApiError {
  return hasCode(error, 409) && error.status.reason === 'AlreadyExists'
}

/** The resourceVersion or the continue token is too old: only a new list helps. */
export function isExpired(error: unknown): error is ApiError {
  return hasCode(error, 410) || (error instanceof ApiError && error.status.reason === 'Expired')
}

/** RBAC or an admission policy refused it. */
export function isForbidden(error: unknown): error is ApiError {
  return hasCode(error, 403)
}

/**
 * The namespace is being deleted: nothing new is created in it, and what is there is deleted too. As the apiserver's NamespaceLifecycle
 * reports it.
 */
export function isNamespaceTerminating(error: unknown): error is ApiError {
  return (
    isForbidden(error) && (error.status.details?.causes ?? []).some(({ reason }) => reason === NAMESPACE_TERMINATING)
  )
}

/** The schema or a CEL rule refused it: only a changed object can help. */
export function isInvalid(error: unknown): error is ApiError {
  return hasCode(error, 422) || (hasCode(error, 400) && error.status.reason === 'Invalid')
}

export function isTooManyRequests(error: unknown): error is ApiError {
  return hasCode(error, 429)
}

export function isUnreachable(error: unknown): error is UnreachableError {
  return error instanceof UnreachableError
}

/** Whether a failed write may have taken effect all the same: there was no answer, or the server failed in the middle of it. */
export function mayHaveHappened(error: unknown): boolean {
  if (error instanceof ApiError) return error.code >= 500
  return !(error instanceof StaleWriterError)
}
