// SPDX-License-Identifier: Apache-2.0

/** A power of two, so that a place is found by a mask. */
const SIZE = 4096

/** Which rows of the table changed, one after the other: whoever knows an older state looks at these again, and at no others. */
export class ChangeLog {
  readonly #rows = new Int32Array(SIZE)
  #count = 0

  /** How many changes there were: a state is known by it. */
  get count(): number {
    return this.#count
  }

  note(row: number): void {
    this.#rows[this.#count++ & (SIZE - 1)] = row
  }

  /** How many rows changed since, the same one perhaps several times. Infinity: nobody remembers. */
  countSince(count: number): number {
    const since = this.#count - count
    return since <= SIZE ? since : Infinity
  }

  /** @param change of those since a count that is remembered, its number */
  rowOf(change: number): number {
    return this.#rows[change & (SIZE - 1)] as number
  }
}
