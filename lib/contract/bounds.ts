// SPDX-License-Identifier: Apache-2.0
// What a node may say, and how much of it. Operators keep every word of every node in memory: nothing in one is without a bound.
import { z } from 'zod'

/** For people to read: what is longer is cut, so that a talkative error does not hide the state that it belongs to. */
export function text(maxLength: number) {
  return z.string().transform((value) => (value.length <= maxLength ? value : copyOf(value.slice(0, maxLength))))
}

/** Stands for a reason that is none. */
const UNREADABLE_REASON = 'AgentError'

/**
 * It becomes the reason of a condition (crds/), whose pattern it has to keep: what does not would have the apiserver refuse the whole
 * status, and with it what has nothing to do with this word.
 */
export function reason() {
  return z.string().transform((value) => (/^[A-Z][A-Za-z0-9]{0,127}$/.test(value) ? value : UNREADABLE_REASON))
}

/** How many or how much there is, as resources record it: up to 64 bits, of which a number holds 53 exactly. */
export function amount() {
  return z.int().min(0)
}

/** The same where resources record 32 bits. */
export function smallAmount() {
  return amount().max(2 ** 31 - 1)
}

/** Of which the first are enough. Never for a list whose gaps are read as facts. */
export function firstOf<S extends z.ZodType>(element: S, maxItems: number) {
  return z.array(element).transform((items) => (items.length <= maxItems ? items : items.slice(0, maxItems)))
}

/** A part of a string keeps all of it alive. */
function copyOf(part: string): string {
  return Buffer.from(part).toString()
}
