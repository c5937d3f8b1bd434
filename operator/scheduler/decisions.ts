// SPDX-License-Identifier: Apache-2.0
import { Decision, type Choice } from './decision.ts'
import type { PlacementRequest } from './filters/request.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { Policy } from './policy.ts'

/** Of decisions that are kept: each holds about nine bytes a node, one where no node passed. */
const MOST_KEPT = 64
/** Of requests that were seen once. */
const MOST_SEEN = 256

/**
 * The last decisions, so that machines that are equal but for their UID share one pass over the nodes, whether they come together, or between
 * others, or wait and ask again whenever something changes.
 */
export class Decisions {
  readonly #table: NodeTable
  readonly #kept = new Map<string, Decision>()
  readonly #seen = new Set<string>()
  /** For requests that nobody asked before: the last of them, and whether it was asked again. */
  #last: { key: string | undefined; isUsed: boolean; decision: Decision }
  #passes = 0

  constructor(table: NodeTable) {
    this.#table = table
    this.#last = { key: undefined, isUsed: false, decision: new Decision(table) }
  }

  /** How often all nodes were looked at. */
  get passes(): number {
    return this.#passes
  }

  choose(request: PlacementRequest, policy: Policy): Choice {
    this.#table.arrange()
    const key = keyOf(request, policy)
    const known = key === undefined ? undefined : this.#find(key)
    if (known?.follow(request) === true) return known.choose(request)
    const decision = known ?? this.#replaceLast(key)
    this.#passes++
    decision.make(request, policy)
    return decision.choose(request)
  }

  #find(key: string): Decision | undefined {
    if (this.#last.key === key) {
      this.#last.isUsed = true
      return this.#last.decision
    }
    const kept = this.#kept.get(key)
    if (!kept) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept
  }

  /** A request that comes once leaves nothing; one that was asked again is kept, in place of the one that was asked least recently. */
  #replaceLast(key: string | undefined): Decision {
    const { key: before, isUsed, decision } = this.#last
    const isKept = isUsed && before !== undefined
    if (isKept) this.#kept.set(before, decision)
    const wasSeen = key !== undefined && this.#seen.has(key)
    this.#last = {
      key,
      isUsed: wasSeen,
      decision: isKept ? (this.#dropOldest() ?? new Decision(this.#table)) : decision,
    }
    if (key !== undefined) this.#see(key)
    return this.#last.decision
  }

  #dropOldest(): Decision | undefined {
    if (this.#kept.size <= MOST_KEPT) return undefined
    for (const [key, decision] of this.#kept) {
      this.#kept.delete(key)
      return decision
    }
    return undefined
  }

  #see(key: string): void {
    this.#seen.add(key)
    for (const oldest of this.#seen) {
      if (this.#seen.size <= MOST_SEEN) break
      this.#seen.delete(oldest)
    }
  }
}

const policies = new WeakMap<Policy, number>()
let lastPolicy = 0
function numberOf(policy: Policy): number {
  const known = policies.get(policy)
  if (known !== undefined) return known
  policies.set(policy, ++lastPolicy)
  return lastPolicy
}

/**
 * What requests have in common that are decided alike; undefined: this one is not like any other. Whatever a request says beside what is named here
 * is part of it.
 */
function keyOf(request: PlacementRequest, policy: Policy): string | undefined {
  const { uid, excluded, group, hints } = request
  const { sameHost, differentHost, node } = hints ?? {}
  if (excluded.size > 0 || group || sameHost || differentHost || node !== undefined) return undefined
  const shared = {
    ...request,
    ...{ uid: undefined, excluded: undefined, group: undefined, settings: undefined, imageRows: undefined },
  }
  return `${numberOf(policy)}${policy.asksForUid === true ? uid : ''}${JSON.stringify(shared)}`
}
