// SPDX-License-Identifier: Apache-2.0

/** The server refused an operation: as a JSON-RPC error or as `{error}` inside of a transaction's result (RFC 7047 4.1.3). */
export class OvsdbError extends Error {
  /** Such as `constraint violation`, `timed out` (of `wait`), `referential integrity violation`, `not leader`. */
  readonly code: string
  /** Index of the failed operation; absent when the commit as a whole failed or no transaction was involved. */
  readonly operation: number | undefined
  constructor(code: string, details: string, operation?: number, options?: ErrorOptions) {
    super(details === '' ? code : `${code}: ${details}`, options)
    this.name = 'OvsdbError'
    this.code = code
    this.operation = operation
  }
}

/** No connection, or lost before the answer came: then the outcome of a transaction is unknown. */
export class OvsdbConnectionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'OvsdbConnectionError'
  }
}

/** The server is running, but does not serve the database as its cluster's leader, or not at all. */
export class OvsdbNotLeaderError extends OvsdbConnectionError {
  constructor(message: string) {
    super(message)
    this.name = 'OvsdbNotLeaderError'
  }
}

/** From OVSDB's `{error, details}` object; anything else becomes text. */
export function toOvsdbError(answer: unknown, operation?: number): OvsdbError {
  if (typeof answer === 'object' && answer !== null && 'error' in answer) {
    const { error, details } = answer as { error: unknown; details?: unknown }
    return new OvsdbError(String(error), typeof details === 'string' ? details : '', operation)
  }
  return new OvsdbError(typeof answer === 'string' ? answer : 'unknown error', JSON.stringify(answer), operation)
}
