// SPDX-License-Identifier: Apache-2.0

/** A timer or an answer waits this long for what is being taken. */
const TURN_MS = 10

/**
 * Things that come faster than they can be taken: in their order, and in turns, between which the event loop comes to its timers and
 * sockets. A leader that read 30,000 reports in one go would not renew its Lease meanwhile.
 */
export class PacedLine<T> {
  readonly #take: (item: T) => void
  readonly #turnMs: number
  #waiting: T[] = []
  #isOpen = false
  #isDue = false

  constructor(take: (item: T) => void, turnMs = TURN_MS) {
    this.#take = take
    this.#turnMs = turnMs
  }

  /** Taken in one of the next turns. */
  push(item: T): void {
    this.#waiting.push(item)
    if (this.#isOpen && !this.#isDue) this.#schedule()
  }

  /** Nothing is taken before. */
  open(): void {
    this.#isOpen = true
    if (!this.#isDue) this.#schedule()
  }

  /** What waits is dropped. */
  close(): void {
    this.#isOpen = false
    this.#waiting = []
  }

  #schedule(): void {
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      this.#turn()
    })
  }

  #turn(): void {
    const endMs = performance.now() + this.#turnMs
    const items = this.#waiting
    let taken = 0
    while (this.#isOpen && taken < items.length && performance.now() <= endMs) this.#take(items[taken++] as T)
    if (!this.#isOpen) return
    this.#waiting = items.slice(taken)
    if (this.#waiting.length > 0) this.#schedule()
  }
}
