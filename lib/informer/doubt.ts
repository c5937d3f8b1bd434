// SPDX-License-Identifier: Apache-2.0

/** Longer than a load balancer takes to switch to another apiserver, shorter than any restore of etcd. */
const LONG_MS = 1000

/** Open from the moment that a watch was cut off until the store is known to be no older than the cache. */
export class Doubt {
  #since: { ms: number; over: PromiseWithResolvers<undefined> } | undefined

  get isOpen(): boolean {
    return this.#since !== undefined
  }

  begin(nowMs: number): void {
    this.#since ??= { ms: nowMs, over: Promise.withResolvers() }
  }

  end(): void {
    this.#since?.over.resolve(undefined)
    this.#since = undefined
  }

  /** The store was away for long enough that anything may have been done to it. */
  isLong(nowMs: number): boolean {
    return this.#since !== undefined && nowMs - this.#since.ms > LONG_MS
  }

  async whenOver(): Promise<void> {
    await this.#since?.over.promise
  }
}
