// SPDX-License-Identifier: Apache-2.0

/** An element's place in a queue, by which it can be taken out of the middle. */
export interface Link<T> {
  readonly value: T
  before: Link<T> | undefined
  after: Link<T> | undefined
}

/**
 * First in, first out, and O(1) also for taking one out of the middle. A Map in its order is not: its holes stay where they are, and
 * whoever asks for the first walks over them.
 */
export class LinkedQueue<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  push(value: T): Link<T> {
    const link: Link<T> = { value, before: this.#last, after: undefined }
    if (this.#last) this.#last.after = link
    else this.#first = link
    this.#last = link
    this.#size++
    return link
  }

  shift(): T | undefined {
    const first = this.#first
    if (first) this.remove(first)
    return first?.value
  }

  /** @param link of this queue, and still in it */
  remove(link: Link<T>): void {
    if (link.before) link.before.after = link.after
    else this.#first = link.after
    if (link.after) link.after.before = link.before
    else this.#last = link.before
    link.before = link.after = undefined
    this.#size--
  }
}
