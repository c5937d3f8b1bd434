// SPDX-License-Identifier: Apache-2.0
import { pause, type Clock } from '../../lib/time/clock.ts'

const LEAST_MS = 50
const MOST_MS = 1000

/**
 * When the next write may go out. A lone write never waits. Under load, when the last write carried several orders or had more
 * queued behind it, the next waits twice as long as that one took, within limits: so a slow store gets fewer, larger writes.
 */
export class Gathering {
  readonly #clock: Clock
  #untilMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  async pause(): Promise<void> {
    const leftMs = this.#untilMs - this.#clock.nowMs()
    if (leftMs > 0) await pause(this.#clock, leftMs)
  }

  /** @param isShared the write carried several orders, or more are queued behind it */
  wrote({ begunMs, isShared }: { begunMs: number; isShared: boolean }): void {
    const nowMs = this.#clock.nowMs()
    this.#untilMs = isShared ? nowMs + Math.min(MOST_MS, Math.max(LEAST_MS, 2 * (nowMs - begunMs))) : 0
  }
}
