// SPDX-License-Identifier: Apache-2.0
import { systemClock, type Clock } from '../../../lib/time/clock.ts'

/** How stale a ComputeNode's `status.free` may get: only people read it, and so a burst of machines costs one write per node, not many. */
const SETTLE_MS = 30_000
/** Nor does a burst over thousands of nodes cost a write for each: they come one after the other, and the last the later. */
const APART_MS = 100

/** Nodes whose machines claim more or less than before; each is woken once, a while after the first change. */
export class ClaimedNodes {
  readonly #clock: Pick<Clock, 'after' | 'nowMs'>
  readonly #pending = new Map<string, () => void>()
  #wake: (node: string) => void = () => undefined
  /** When the latest of them is due. */
  #lastMs = 0

  constructor(clock: Pick<Clock, 'after' | 'nowMs'> = systemClock) {
    this.#clock = clock
  }

  /** @returns a function that unsubscribes */
  onSettled(wake: (node: string) => void): () => void {
    this.#wake = wake
    return () => (this.#wake = () => undefined)
  }

  changed(node: string): void {
    if (this.#pending.has(node)) return
    const wake = (): void => {
      this.#pending.delete(node)
      this.#wake(node)
    }
    const nowMs = this.#clock.nowMs()
    this.#lastMs = Math.max(nowMs + SETTLE_MS, this.#lastMs + APART_MS)
    this.#pending.set(node, this.#clock.after(this.#lastMs - nowMs, wake))
  }

  /** Called when the leadership ends. */
  stop(): void {
    for (const cancel of this.#pending.values()) cancel()
    this.#pending.clear()
  }
}
