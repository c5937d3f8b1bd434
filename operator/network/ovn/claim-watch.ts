// SPDX-License-Identifier: Apache-2.0
import type { TakenPort } from '../network-driver.ts'
import type { PortRequest } from './port-request.ts'

/**
 * How long an unrequested claim may stand: two databases report one move, with northd between them. A claim that the move itself leaves
 * behind, because the former node died, does not count however long it stands.
 */
const CLAIM_PATIENCE_MS = 10_000

export interface ClaimVerdict {
  /** Claimed by a node that was not asked to. */
  isTaken: boolean
  /** The former node has released the port. */
  hasLeft: boolean
}

/**
 * | claimed by                | meaning                                                                |
 * | ------------------------- | ---------------------------------------------------------------------- |
 * | nobody                    | off, or on its way                                                     |
 * | a node asked              | as wished                                                              |
 * | the one asked before      | moving: it releases it, or died; the one asked now overwrites it       |
 * | any other                 | taken                                                                  |
 *
 * A row that is not ours requests nothing. Pure.
 */
export function judgeClaim(request: PortRequest | undefined, claimant: string | undefined): ClaimVerdict {
  if (!request) return { isTaken: false, hasLeft: false }
  const formers = [request.former, ...(request.formers ?? [])].filter((node) => node !== undefined)
  const hasLeft = formers.length > 0 && (claimant === undefined || !formers.includes(claimant))
  const allowed = [request.node, ...(request.standby ?? []), ...formers]
  const isTaken = claimant !== undefined && !allowed.includes(claimant)
  return { isTaken, hasLeft }
}

export interface ClaimWatchOptions {
  /** By the port's uid. */
  request(uid: string): PortRequest | undefined
  claimant(uid: string): string | undefined
  /** The former node no longer claims the port. Called again at each look until the request no longer names it. */
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

/** Compares each port's claimant with the node we asked, at each change of either, and reports mismatches that last. */
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

  /** Ports that have been taken for longer than our patience. */
  list(): readonly TakenPort[] {
    return [...this.#suspicions.values()]
      .filter(({ isTold }) => isTold)
      .map(({ uid, node, wanted }) => ({ uid, node, wanted }))
  }

  /** Drops all suspicions: the databases' state is no longer known. */
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
