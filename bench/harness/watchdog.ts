// SPDX-License-Identifier: Apache-2.0
// What a figure rests on has to be there until it is read: a cloud whose agents are dead costs less.
import { pause, systemClock } from '../../lib/time/clock.ts'

export interface WatchdogTiming {
  everyMs: number
  /** Something that does not answer for longer is taken for dead. */
  patienceMs: number
}

const TIMING: WatchdogTiming = { everyMs: 1000, patienceMs: 30_000 }

export class Watchdog {
  readonly #timing: WatchdogTiming
  readonly #failed = Promise.withResolvers<never>()
  readonly #stop = new AbortController()
  readonly #slowest = new Map<string, number>()

  constructor(timing = TIMING) {
    this.#timing = timing
    this.#failed.promise.catch(() => undefined)
  }

  /** Rejects with the reason when the first of them is gone. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /** The longest that each has taken to answer, in milliseconds. */
  get slowest(): ReadonlyMap<string, number> {
    return this.#slowest
  }

  /** Its failure is the whole's. */
  follow(failed: Promise<never>): void {
    failed.catch((error: unknown) => this.#fail(error))
  }

  /**
   * @param isRunning of one that is replaced on purpose, whether its successor does
   * @param log what it printed last
   */
  watchProcess(name: string, isRunning: () => boolean, log = () => ''): void {
    void this.#often(async () => {
      if (!isRunning()) this.#fail(new Error(`${name} ended\n${log()}`.trimEnd()))
    })
  }

  /** @param ask resolves with an answer; rejects without one, in less than the patience */
  watchAnswers(name: string, ask: () => Promise<unknown>): void {
    let askedMs: number | undefined
    void this.#often(async () => {
      const sinceMs = (askedMs ??= performance.now())
      try {
        await ask()
        this.#slowest.set(name, Math.max(this.#slowest.get(name) ?? 0, performance.now() - sinceMs))
        askedMs = undefined
      } catch (error) {
        const silentMs = performance.now() - sinceMs
        if (silentMs < this.#timing.patienceMs) return
        const why = `${name} has not answered for ${(silentMs / 1000).toFixed(0)} s: ${(error as Error).message}`
        this.#fail(new Error(why, { cause: error }))
      }
    })
  }

  stop(): void {
    this.#stop.abort()
  }

  async #often(look: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await look()
      await pause(systemClock, this.#timing.everyMs, this.#stop.signal)
    }
  }

  /** What ends because it is taken down is no failure. */
  #fail(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#failed.reject(error)
    this.#stop.abort()
  }
}
