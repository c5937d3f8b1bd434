// SPDX-License-Identifier: Apache-2.0
// Limits on what a node may report. Every operator keeps the reports of all nodes in memory, so nothing in a report is unbounded.
import { z } from 'zod'

/** Text for people: cut rather than refused when too long, so that a long error message does not hide the state it belongs to. */
export function text(maxLength: number) {
  return z.string().transform((value) => (value.length <= maxLength ? value : copyOf(value.slice(0, maxLength))))
}

/** Replaces a malformed reason. */
const UNREADABLE_REASON = 'AgentError'

/**
 * It becomes the reason of a condition and must match the pattern in crds/: otherwise the apiserver would refuse the whole status,
 * including everything in it that has nothing to do with this report.
 */
export function reason() {
  return z.string().transform((value) => (/^[A-Z][A-Za-z0-9]{0,127}$/.test(value) ? value : UNREADABLE_REASON))
}

/** A count or an amount that resources store as 64 bits, of which a number holds 53 exactly. */
export function amount() {
  return z.int().min(0)
}

/** The same for fields of 32 bits. */
export function smallAmount() {
  return amount().max(2 ** 31 - 1)
}

/** For lists of which the first elements suffice; never for one in which a missing element is read as a fact. */
export function firstOf<S extends z.ZodType>(element: S, maxItems: number) {
  return z.array(element).transform((items) => (items.length <= maxItems ? items : items.slice(0, maxItems)))
}

/** A substring would keep the whole string in memory. */
function copyOf(part: string): string {
  return Buffer.from(part).toString()
}
