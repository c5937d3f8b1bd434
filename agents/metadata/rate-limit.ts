// SPDX-License-Identifier: Apache-2.0

const PRUNE_AT = 1000

/** A token bucket per source: a guest in a loop slows down only itself. */
export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()

  constructor(options: { perSecond: number; burst: number }) {
    this.#perSecond = options.perSecond
    this.#burst = options.burst
  }

  /** Whether this source may proceed now. */
  take(source: string, nowMs: number): boolean {
    if (this.#buckets.size >= PRUNE_AT) this.#prune(nowMs)
    const held = this.#buckets.get(source) ?? { tokens: this.#burst, atMs: nowMs }
    const tokens = Math.min(this.#burst, held.tokens + ((nowMs - held.atMs) / 1000) * this.#perSecond)
    const allowed = tokens >= 1
    this.#buckets.set(source, { tokens: allowed ? tokens - 1 : tokens, atMs: nowMs })
    return allowed
  }

  /** A source that has been quiet long enough has a full bucket again: forget it. */
  #prune(nowMs: number): void {
    const fullAfterMs = (this.#burst / this.#perSecond) * 1000
    for (const [source, { atMs }] of this.#buckets) if (nowMs - atMs >= fullAfterMs) this.#buckets.delete(source)
  }
}
