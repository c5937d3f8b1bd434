// SPDX-License-Identifier: Apache-2.0
import type { TakenPort } from '../network-driver.ts'
import type { PortRequest } from './port-plan.ts'

/**
 * How long a claim that nobody asked for may stand: two databases tell of one move, and northd is between them. What a move itself leaves
 * behind, the claim of a node that died, is no such claim however long it stands.
 */
const CLAIM_PATIENCE_MS = 10_000

export interface ClaimVerdict {
  /** By a node that was not asked to. */
  isTaken: boolean
  /** The node that it was on before has released it. */
  hasLeft: boolean
}

/**
 * | claimed by                | meaning                                                                |
 * | ------------------------- | ---------------------------------------------------------------------- |
 * | nobody                    | off, or on its way                                                     |
 * | the node asked            | as wished                                                              |
 * | the one asked before      | moving: it releases it, or died; the one asked now overwrites it       |
 * | any other                 | taken                                                                  |
 *
 * A row that is not ours asks nothing. Pure.
 */
export function judgeClaim(request: PortRequest | undefined, claimant: string | undefined): ClaimVerdict {
  if (!request) return { isTaken: false, hasLeft: false }
  const hasLeft = request.former !== undefined && claimant !== request.former
  const isTaken = claimant !== undefined && claimant !== request.node && claimant !== request.former
  return { isTaken, hasLeft }
}

export interface ClaimWatchOptions {
  /** By the port's uid. */
  request(uid: string): PortRequest | undefined
  claimant(uid: string): string | undefined
  /** Who had the port before has no claim any more. Asked again at each look until the request says so. */
  onLeft(uid: string): void
  /** The list has changed. */
  onTaken(nodes: ReadonlySet<string>): void
  patienceMs?: number
  now?: () => number
}

interface Suspicion extends TakenPort {
  since: number
  isTold: boolean
}

/** Compares who claims a port with whom we asked, at each change of either, and tells of what lasts. */
export class ClaimWatch {
  readonly #options: ClaimWatchOptions
  readonly #patienceMs: number
  readonly #now: () => number
  readonly #suspicions = new Map<string, Suspicion>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: ClaimWatchOptions) {
    this.#options = options
    this.#patienceMs = options.patienceMs ?? CLAIM_PATIENCE_MS
    this.#now = options.now ?? (() => performance.now())
  }

  look(uids: Iterable<string>): void {
    const nodes = new Set<string>()
    for (const uid of uids) {
      const request = this.#options.request(uid)
      const claimant = this.#options.claimant(uid)
      const { isTaken, hasLeft } = judgeClaim(request, claimant)
      if (hasLeft) this.#options.onLeft(uid)
      const held = this.#suspicions.get(uid)
      if (isTaken && claimant !== undefined) {
        if (held?.node === claimant && held.wanted === request?.node) continue
        if (held?.isTold) nodes.add(held.node)
        const since = held?.node === claimant ? held.since : this.#now()
        this.#suspicions.set(uid, { uid, node: claimant, wanted: request?.node, since, isTold: false })
      } else if (held) {
        this.#suspicions.delete(uid)
        if (held.isTold) nodes.add(held.node)
      }
    }
    this.#ripen(nodes)
  }

  /** Those that have been taken for long enough. */
  list(): readonly TakenPort[] {
    return [...this.#suspicions.values()]
      .filter(({ isTold }) => isTold)
      .map(({ uid, node, wanted }) => ({ uid, node, wanted }))
  }

  /** Nothing is known any more: nothing is accused. */
  clear(): void {
    const nodes = new Set(this.list().map(({ node }) => node))
    this.#suspicions.clear()
    this.#ripen(nodes)
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #ripen(changed: Set<string>): void {
    clearTimeout(this.#timer)
    const now = this.#now()
    let next = Infinity
    for (const suspicion of this.#suspicions.values()) {
      if (suspicion.isTold) continue
      const left = suspicion.since + this.#patienceMs - now
      if (left > 0) next = Math.min(next, left)
      else {
        suspicion.isTold = true
        changed.add(suspicion.node)
      }
    }
    if (next !== Infinity) this.#timer = setTimeout(() => this.#ripen(new Set()), next).unref()
    if (changed.size > 0) this.#options.onTaken(changed)
  }
}
