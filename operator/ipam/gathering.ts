// SPDX-License-Identifier: Apache-2.0
import { pause, type Clock } from '../../lib/time/clock.ts'

const LEAST_MS = 50
const MOST_MS = 1000

/**
 * When the next write may go out. One that comes alone never waits. While many come, which is when a write was shared or others waited
 * behind it, the next write waits twice as long as the last one took, and a little at least: so that a slow store gets fewer, larger writes.
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

  /** @param isShared several went out in it, or wait behind it */
  wrote({ begunMs, isShared }: { begunMs: number; isShared: boolean }): void {
    const nowMs = this.#clock.nowMs()
    this.#untilMs = isShared ? nowMs + Math.min(MOST_MS, Math.max(LEAST_MS, 2 * (nowMs - begunMs))) : 0
  }
}
