// SPDX-License-Identifier: Apache-2.0
import { performance } from 'node:perf_hooks'
import { setTimeout as after } from 'node:timers/promises'

/** How long others may wait for one answer at a time, and what it may take in all. */
const SLICE_MS = 10
const BUDGET_MS = 2_000

interface Clock {
  now(): number
  pause(ms: number, signal: AbortSignal): Promise<void>
}

const CLOCK: Clock = {
  now: () => performance.now(),
  pause: (ms, signal) => after(ms, undefined, { signal }),
}

/** Shares the leader's one thread: a long answer is given in slices, with as long a pause after each, until its time is used up. */
export class Pace {
  readonly #signal: AbortSignal
  readonly #clock: Clock
  #sliceSince: number
  #usedMs = 0

  constructor(signal: AbortSignal, clock: Clock = CLOCK) {
    this.#signal = signal
    this.#clock = clock
    this.#sliceSince = clock.now()
  }

  /** Between two pieces of work. @returns whether there is time for another */
  async next(): Promise<boolean> {
    const tookMs = this.#clock.now() - this.#sliceSince
    if (this.#usedMs + tookMs >= BUDGET_MS) return false
    if (tookMs < SLICE_MS) return true
    this.#usedMs += tookMs
    await this.#clock.pause(tookMs, this.#signal)
    this.#sliceSince = this.#clock.now()
    return true
  }
}
