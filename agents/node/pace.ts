// SPDX-License-Identifier: Apache-2.0
import { pause, type Clock } from '../../lib/time/clock.ts'

/** The interval of a loop that must react to a change before its pause is over. */
export class Pace {
  readonly #clock: Clock
  #everyMs: number
  #changed = new AbortController()

  constructor(everyMs: number, clock: Clock) {
    this.#everyMs = everyMs
    this.#clock = clock
  }

  /** Ends the current pause when the pace differs. */
  set(everyMs: number): void {
    if (everyMs === this.#everyMs) return
    this.#everyMs = everyMs
    this.#changed.abort()
    this.#changed = new AbortController()
  }

  /** Resolves when the next turn is due, the pace changes or the signal aborts. */
  pause(signal: AbortSignal): Promise<void> {
    return pause(this.#clock, this.#everyMs, AbortSignal.any([signal, this.#changed.signal]))
  }
}
