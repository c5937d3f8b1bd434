// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../kube/object.ts'

/** Keys that wait to be worked on, and which of them is next. A key waits at most once. */
export interface WaitingLine {
  /** How many wait. */
  readonly size: number
  /** @param priority smaller is sooner; a key that waits already keeps the smaller of both, and its time */
  add(key: ObjectKey, addedMs: number, priority: number): void
  /** The next that may run now, with the time it was added; it counts as running until `ended`. Undefined: none may. */
  take(): [ObjectKey, number] | undefined
  /** The run of a key that was taken is over, or goes on without counting. May be called twice. */
  ended(key: ObjectKey): void
  clear(): void
}

/** By priority, then in the order they came. Holds nobody back: how many run at once is the queue's to say. */
export class PriorityLine implements WaitingLine {
  /** Priority to the keys that wait, in the order they came. */
  readonly #waiting = new Map<number, Map<ObjectKey, number>>()
  readonly #priorityOf = new Map<ObjectKey, number>()

  get size(): number {
    return this.#priorityOf.size
  }

  add(key: ObjectKey, addedMs: number, priority: number): void {
    const waiting = this.#priorityOf.get(key)
    let sinceMs = addedMs
    if (waiting !== undefined) {
      if (waiting <= priority) return
      sinceMs = this.#waiting.get(waiting)?.get(key) ?? addedMs
      this.#remove(key, waiting)
    }
    let list = this.#waiting.get(priority)
    if (!list) this.#waiting.set(priority, (list = new Map<ObjectKey, number>()))
    list.set(key, sinceMs)
    this.#priorityOf.set(key, priority)
  }

  take(): [ObjectKey, number] | undefined {
    let best: number | undefined
    for (const priority of this.#waiting.keys()) if (best === undefined || priority < best) best = priority
    if (best === undefined) return undefined
    const [first] = this.#waiting.get(best) ?? []
    if (!first) return undefined
    this.#remove(first[0], best)
    return first
  }

  ended(): void {
    // Nobody is counted here.
  }

  clear(): void {
    this.#waiting.clear()
    this.#priorityOf.clear()
  }

  #remove(key: ObjectKey, priority: number): void {
    const list = this.#waiting.get(priority)
    list?.delete(key)
    if (list?.size === 0) this.#waiting.delete(priority)
    this.#priorityOf.delete(key)
  }
}
