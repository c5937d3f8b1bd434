// SPDX-License-Identifier: Apache-2.0
// What a node may say, and how much of it. Operators keep every word of every node in memory: nothing in one is without a bound.
import { z } from 'zod'

/** For people to read: what is longer is cut, so that a talkative error does not hide the state that it belongs to. */
export function text(maxLength: number) {
  return z.string().transform((value) => (value.length <= maxLength ? value : copyOf(value.slice(0, maxLength))))
}

/** Of which the first are enough. Never for a list whose gaps are read as facts. */
export function firstOf<S extends z.ZodType>(element: S, maxItems: number) {
  return z.array(element).transform((items) => (items.length <= maxItems ? items : items.slice(0, maxItems)))
}

/** A part of a string keeps all of it alive. */
function copyOf(part: string): string {
  return Buffer.from(part).toString()
}
