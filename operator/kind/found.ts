// SPDX-License-Identifier: Apache-2.0
import { waitFor, type Outcome } from '../../lib/outcome.ts'

export type Found<T> = { ok: true; object: T } | { ok: false; outcome: Outcome }

export function found<T>(object: T): Found<T> {
  return { ok: true, object }
}

/** @param retryAfterMs only where no watch reports the change */
export function missing(reason: string, message: string, retryAfterMs?: number): { ok: false; outcome: Outcome } {
  return { ok: false, outcome: waitFor(reason, message, retryAfterMs) }
}

/** At most this many are named in one message. */
const MOST_NAMED = 8

/**
 * All that an object lacks, in one message, so that its author need not find out one by one. The reason is that of the first.
 * @returns undefined when it lacks nothing
 */
export function allMissing(lacks: readonly (Outcome | undefined)[]): { ok: false; outcome: Outcome } | undefined {
  const waits = lacks.flatMap((outcome) => (outcome?.kind === 'wait' ? [outcome] : []))
  const [first] = waits
  if (!first) return undefined
  const messages = [...new Set(waits.map(({ message }) => message))]
  const more = messages.length - MOST_NAMED
  const text = [...messages.slice(0, MOST_NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
  const looks = waits.flatMap(({ retryAfterMs }) => retryAfterMs ?? [])
  return missing(first.reason, text, looks.length > 0 ? Math.min(...looks) : undefined)
}
