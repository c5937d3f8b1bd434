// SPDX-License-Identifier: Apache-2.0

/** A set of callbacks, called in the order they were added. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>()

  /** @returns removes it again */
  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  emit(value: T): void {
    for (const listener of this.#listeners) listener(value)
  }
}
