// SPDX-License-Identifier: Apache-2.0

/** A handle on an element in a queue, with which it can be removed from the middle. */
export interface Link<T> {
  readonly value: T
  before: Link<T> | undefined
  after: Link<T> | undefined
}

/**
 * First in, first out, with O(1) removal from the middle. A Map in insertion order does not offer that: its deleted entries leave holes,
 * and whoever asks for the first one walks over them.
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

  /** @param link must still be in this queue */
  remove(link: Link<T>): void {
    if (link.before) link.before.after = link.after
    else this.#first = link.after
    if (link.after) link.after.before = link.before
    else this.#last = link.before
    link.before = link.after = undefined
    this.#size--
  }
}
