// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '../../../lib/log.ts'

/** Lines within WINDOW_MS for which there is room on the node's disk and time in the agent. */
export const MOST_LINES = 2_000
const WINDOW_MS = 10_000
export const OFF_MS = 60_000

/**
 * Groups have their rate in the switch (OVN's meters), but there may be many groups: where all of them together log more than the node has
 * room for, nothing is logged for a minute.
 */
export class LogRoom {
  /** Resolves with whether the log is as it should be. */
  readonly #switchTo: (isOn: boolean) => Promise<boolean>
  readonly #log: Logger
  #windowFrom = -Infinity
  #lines = 0
  /** Whether it is known to be on: an agent that died may have left it off. */
  #isOn = false
  #onFrom = -Infinity

  constructor(switchTo: (isOn: boolean) => Promise<boolean>, log: Logger) {
    this.#switchTo = switchTo
    this.#log = log
  }

  /** @param now monotonic, in milliseconds */
  async count(lines: number, isBeyond: boolean, now: number): Promise<void> {
    if (now - this.#windowFrom >= WINDOW_MS) [this.#windowFrom, this.#lines] = [now, 0]
    this.#lines += lines
    if (!this.#isOn) {
      if (now >= this.#onFrom) this.#isOn = await this.#switchTo(true)
    } else if ((isBeyond || this.#lines > MOST_LINES) && (await this.#switchTo(false))) {
      this.#isOn = false
      this.#onFrom = now + OFF_MS
      const fields = { lines: this.#lines, forSeconds: OFF_MS / 1000 }
      this.#log.warn(fields, 'more packets are logged than the node has room for: none for a while')
    }
  }
}
