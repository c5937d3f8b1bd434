// SPDX-License-Identifier: Apache-2.0
import type { Clock } from './clock.ts'

/** A clock for tests: stands still until `advance`. */
export class FakeClock implements Clock {
  #nowMs = 0
  #timers: { dueMs: number; call: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }

  now(): Date {
    return new Date(Date.UTC(2026, 0, 1) + this.#nowMs)
  }

  after(ms: number, call: () => void): () => void {
    const timer = { dueMs: this.#nowMs + ms, call }
    this.#timers.push(timer)
    return () => (this.#timers = this.#timers.filter((t) => t !== timer))
  }

  get pending(): number {
    return this.#timers.length
  }

  /** Runs what falls due, in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const until = this.#nowMs + ms
    for (;;) {
      const due = this.#timers.filter((t) => t.dueMs <= until).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (!due) break
      this.#timers = this.#timers.filter((t) => t !== due)
      this.#nowMs = Math.max(this.#nowMs, due.dueMs)
      due.call()
      await settle()
    }
    this.#nowMs = until
    await settle()
  }
}

/** Lets everything run that waits for promises alone. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}
