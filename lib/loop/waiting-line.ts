// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../kube/object.ts'

/** Keys that wait to be worked on, and which of them is next. A key waits at most once. */
export interface WaitingLine {
  /** How many wait. */
  readonly size: number
  /** @param priority smaller is sooner; a key that waits already keeps the smaller of the two, and its time of arrival */
  add(key: ObjectKey, addedMs: number, priority: number): void
  /** The next key that may run now, with the time it was added; it counts as running until `ended`. Undefined: none may. */
  take(): [ObjectKey, number] | undefined
  /** The run of a key that was taken is over, or no longer counts. May be called twice. */
  ended(key: ObjectKey): void
  clear(): void
}
