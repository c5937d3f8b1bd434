// SPDX-License-Identifier: Apache-2.0

/** Work that is done one after another, in the order in which it was asked for. What fails holds up nothing behind it. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** Nothing is under way, and nothing waits. */
  get isIdle(): boolean {
    return this.#waiting === 0
  }

  /** @throws what the work throws */
  run<T>(work: () => Promise<T> | T): Promise<T> {
    this.#waiting++
    const turn = this.#last.then(work).finally(() => this.#waiting--)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
