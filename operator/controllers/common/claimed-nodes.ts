// SPDX-License-Identifier: Apache-2.0
import { systemClock, type Clock } from '../../../lib/time/clock.ts'

/** How stale `status.free` of a ComputeNode may be: it is for people, and a burst of machines then costs one write per node, not one each. */
const SETTLE_MS = 30_000

/** Nodes whose machines claim more or less than before: looked at once, a while after the first change. */
export class ClaimedNodes {
  readonly #clock: Pick<Clock, 'after'>
  readonly #pending = new Map<string, () => void>()
  #wake: (node: string) => void = () => undefined

  constructor(clock: Pick<Clock, 'after'> = systemClock) {
    this.#clock = clock
  }

  /** @returns ends that */
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
    this.#pending.set(node, this.#clock.after(SETTLE_MS, wake))
  }

  /** With the leadership. */
  stop(): void {
    for (const cancel of this.#pending.values()) cancel()
    this.#pending.clear()
  }
}
