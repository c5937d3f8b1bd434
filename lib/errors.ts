// SPDX-License-Identifier: Apache-2.0

/**
 * Only a changed spec (or a person) can help: no retry until the generation changes. `reason` is CamelCase from the closed list in
 * docs/troubleshooting.md; `message` is for the user: it names the field or object and what would help, and never contains host paths or
 * credentials. Any other error counts as transient and is retried with back-off.
 */
export class TerminalError extends Error {
  readonly reason: string
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TerminalError'
    this.reason = reason
  }
}

/** Transient, with a stable reason and a message for the user. */
export class TransientError extends Error {
  readonly reason: string
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TransientError'
    this.reason = reason
  }
}

/** This process lost the right to write: a newer leader, incarnation or epoch exists. */
export class StaleWriterError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StaleWriterError'
  }
}

export function isTerminal(error: unknown): error is TerminalError {
  return error instanceof TerminalError
}

/** The message of anything thrown, without its stack or causes. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An environment variable is missing or wrong; the message names it. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}
