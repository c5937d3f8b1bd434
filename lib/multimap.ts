// SPDX-License-Identifier: Apache-2.0

/** No objects that may be Sets themselves. */
type Key = string | number

/**
 * Values under keys, each value once. Most keys of an index have one value, and a Set of one costs ten times as much as the value itself.
 */
export class Multimap<V extends Key = string> {
  readonly #values = new Map<string, V | Set<V>>()

  /** How many keys have values. */
  get size(): number {
    return this.#values.size
  }

  add(key: string, value: V): void {
    const held = this.#values.get(key)
    if (held === undefined) this.#values.set(key, value)
    else if (held instanceof Set) held.add(value)
    else if (held !== value) this.#values.set(key, new Set([held, value]))
  }

  delete(key: string, value: V): boolean {
    const held = this.#values.get(key)
    if (!(held instanceof Set)) return held === value && this.#values.delete(key)
    if (!held.delete(value)) return false
    const [first] = held
    if (held.size === 1 && first !== undefined) this.#values.set(key, first)
    return true
  }

  has(key: string, value: V): boolean {
    const held = this.#values.get(key)
    return held instanceof Set ? held.has(value) : held === value
  }

  /** In the order in which they were added; a list of the caller's own. */
  get(key: string): V[] {
    return [...this.each(key)]
  }

  /** The same without a list: nothing may be added or deleted meanwhile. */
  each(key: string): Iterable<V> {
    const held = this.#values.get(key)
    return held === undefined ? [] : held instanceof Set ? held : [held]
  }

  count(key: string): number {
    const held = this.#values.get(key)
    return held === undefined ? 0 : held instanceof Set ? held.size : 1
  }
}
