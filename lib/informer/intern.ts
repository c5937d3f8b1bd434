// SPDX-License-Identifier: Apache-2.0

/** V8's JSON.parse itself shares equal strings of up to ten characters (JsonParser::MakeString). */
const SHORTEST = 11
/** Longer strings are not worth a lookup: they rarely repeat. */
const LONGEST = 80
const LONGEST_PART = 256
const TABLE_SIZE = 8192
/** Fields whose values differ in every object: in the table they would only push others out. */
const UNIQUE = new Set(['uid', 'name', 'resourceVersion', 'macAddress', 'ipAddress', 'creationTimestamp'])

/**
 * Shares equal strings among cached objects: JSON.parse makes a new one each time, and namespaces, reasons, finalizers and references
 * repeat in every object. The table is bounded: it is emptied when full.
 */
export class Interner {
  readonly #table = new Map<string, string>()
  readonly #parts = new Map<string, object>()

  /** How many strings the table holds. */
  get held(): number {
    return this.#table.size
  }

  /**
   * Shares equal parts of `spec`, compared as JSON: references, rules and settings repeat from object to object. Only for what nobody
   * changes: reconcilers change status and metadata in copies, in which shared parts would change together.
   */
  shareSpec<T extends { spec?: unknown }>(object: T): T {
    if (typeof object.spec === 'object' && object.spec !== null) this.shareParts(object.spec)
    return object
  }

  /** The same for the fields of any object that nobody changes. */
  shareParts(object: object): void {
    const parts = object as Record<string, unknown>
    for (const key in parts) {
      const part = parts[key]
      if (typeof part === 'object' && part !== null) parts[key] = this.share(part)
    }
  }

  /** One that says the same, if there was one. */
  share<T extends object>(part: T): T {
    const json = JSON.stringify(part)
    if (json.length > LONGEST_PART) return part
    const known = this.#parts.get(json)
    if (known !== undefined) return known as T
    if (this.#parts.size >= TABLE_SIZE) this.#parts.clear()
    this.#parts.set(json, part)
    return part
  }

  /** Replaces strings inside `value` in place and returns it. */
  intern<T extends object>(value: T): T {
    this.#walk(value as Record<string, unknown>)
    return value
  }

  #walk(node: Record<string, unknown>): void {
    for (const key in node) {
      const value = node[key]
      if (typeof value === 'string') {
        if (isShared(value) && !UNIQUE.has(key)) node[key] = this.#one(value)
      } else if (Array.isArray(value)) this.#walkList(value)
      else if (typeof value === 'object' && value !== null) this.#walk(value as Record<string, unknown>)
    }
  }

  /** By index: `for in` would create a string for each index. */
  #walkList(list: unknown[]): void {
    for (let i = 0; i < list.length; i++) {
      const value = list[i]
      if (typeof value === 'string') {
        if (isShared(value)) list[i] = this.#one(value)
      } else if (Array.isArray(value)) this.#walkList(value)
      else if (typeof value === 'object' && value !== null) this.#walk(value as Record<string, unknown>)
    }
  }

  #one(text: string): string {
    const known = this.#table.get(text)
    if (known !== undefined) return known
    if (this.#table.size >= TABLE_SIZE) this.#table.clear()
    this.#table.set(text, text)
    return text
  }
}

const isShared = (text: string): boolean => text.length >= SHORTEST && text.length <= LONGEST
