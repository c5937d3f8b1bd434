// SPDX-License-Identifier: Apache-2.0
const NONE: ReadonlyMap<string, number> = new Map()

/** How many members of each ServerGroup are on which node, by the claims: kept up as they come and go, so that nobody counts members. */
export class GroupTable {
  readonly #groups = new Map<string, Map<string, number>>()

  copy(): GroupTable {
    const copy = new GroupTable()
    for (const [group, nodes] of this.#groups) copy.#groups.set(group, new Map(nodes))
    return copy
  }

  add(group: string, node: string): void {
    const nodes = this.#groups.get(group) ?? new Map<string, number>()
    nodes.set(node, (nodes.get(node) ?? 0) + 1)
    this.#groups.set(group, nodes)
  }

  remove(group: string, node: string): void {
    const nodes = this.#groups.get(group)
    const left = (nodes?.get(node) ?? 0) - 1
    if (left > 0) nodes?.set(node, left)
    else nodes?.delete(node)
    if (nodes?.size === 0) this.#groups.delete(group)
  }

  /** The map changes with the next claim: read it, never keep it. */
  membersOn(group: string): ReadonlyMap<string, number> {
    return this.#groups.get(group) ?? NONE
  }
}
