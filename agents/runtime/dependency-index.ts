// SPDX-License-Identifier: Apache-2.0

/** Which documents depend on which, in both directions, by key. */
export class DependencyIndex {
  readonly #needs = new Map<string, readonly string[]>()
  readonly #dependents = new Map<string, Set<string>>()

  /** Replaces the dependencies of `key`. */
  set(key: string, needs: readonly string[]): void {
    this.remove(key)
    if (needs.length === 0) return
    this.#needs.set(key, needs)
    for (const need of needs) {
      let dependents = this.#dependents.get(need)
      if (!dependents) this.#dependents.set(need, (dependents = new Set()))
      dependents.add(key)
    }
  }

  /** Removes all dependencies of `key`. */
  remove(key: string): void {
    for (const need of this.#needs.get(key) ?? []) {
      const dependents = this.#dependents.get(need)
      dependents?.delete(key)
      if (dependents?.size === 0) this.#dependents.delete(need)
    }
    this.#needs.delete(key)
  }

  /** A copy: waking a dependent may change the index. */
  dependentsOf(key: string): readonly string[] {
    return [...(this.#dependents.get(key) ?? [])]
  }
}
