// SPDX-License-Identifier: Apache-2.0
import { Decision, type Choice } from './decision.ts'
import type { PlacementRequest } from './filters/request.ts'
import type { NodeTable } from './nodes/node-table.ts'
import { hashOf } from './nodes/tie-break.ts'
import type { Policy } from './policy.ts'

/** Of decisions that are kept: each holds about nine bytes a node, or one where no node passed, as of machines that wait. */
const MOST_BYTES = 16 * 1024 * 1024
/** Of requests that are known to have been asked, by their hashes: one that is taken for another is kept a little early. */
const MOST_SEEN = 4096

/**
 * The last decisions, so that machines that are equal but for their UID share one pass over the nodes, whether they come together, or between
 * others, or wait and ask again whenever something changes.
 */
export class Decisions {
  readonly #table: NodeTable
  readonly #kept = new Map<string, { decision: Decision; bytes: number }>()
  #bytes = 0
  readonly #seen = new Set<number>()
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
    const decision = this.#take(key)
    if (decision) this.#keep(key, decision)
    return decision
  }

  #take(key: string): Decision | undefined {
    const kept = this.#kept.get(key)
    if (!kept) return undefined
    this.#kept.delete(key)
    this.#bytes -= kept.bytes
    return kept.decision
  }

  #keep(key: string, decision: Decision): void {
    const { bytes } = decision
    this.#kept.set(key, { decision, bytes })
    this.#bytes += bytes
  }

  /** A request that comes once leaves nothing; one that was asked again is kept, in place of the one that was asked least recently. */
  #replaceLast(key: string | undefined): Decision {
    const { key: before, isUsed, decision } = this.#last
    const isKept = isUsed && before !== undefined
    if (isKept) this.#keep(before, decision)
    const wasSeen = key !== undefined && this.#see(hashOf(key))
    this.#last = {
      key,
      isUsed: wasSeen,
      decision: isKept ? (this.#dropOldest() ?? new Decision(this.#table)) : decision,
    }
    return this.#last.decision
  }

  #dropOldest(): Decision | undefined {
    let dropped: Decision | undefined
    for (const key of this.#kept.keys()) {
      if (this.#bytes <= MOST_BYTES) break
      dropped = this.#take(key)
    }
    return dropped
  }

  /** @returns whether it had been seen before */
  #see(hash: number): boolean {
    const wasSeen = this.#seen.delete(hash)
    this.#seen.add(hash)
    for (const oldest of this.#seen) {
      if (this.#seen.size <= MOST_SEEN) break
      this.#seen.delete(oldest)
    }
    return wasSeen
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
