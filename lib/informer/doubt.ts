// SPDX-License-Identifier: Apache-2.0

/** Longer than an apiserver behind a balancer takes to be replaced, shorter than any restore of etcd. */
const LONG_MS = 1000

/** From the moment that a watch was cut off until the store is known to be as far as the cache is. */
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
