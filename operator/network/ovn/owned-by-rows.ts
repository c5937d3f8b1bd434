// SPDX-License-Identifier: Apache-2.0

/**
 * What rows say, by a key of theirs. After a rebuilt database a new row with the same key comes before the old one ends: the end of a
 * row takes only what that row said.
 */
export class OwnedByRows<V> {
  readonly #said = new Map<string, { uuid: string; value: V }>()

  get(key: string): V | undefined {
    return this.#said.get(key)?.value
  }

  keys(): Iterable<string> {
    return this.#said.keys()
  }

  set(key: string, uuid: string, value: V): void {
    this.#said.set(key, { uuid, value })
  }

  delete(key: string, uuid: string): void {
    if (this.#said.get(key)?.uuid === uuid) this.#said.delete(key)
  }
}
