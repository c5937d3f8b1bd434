// SPDX-License-Identifier: Apache-2.0
// Which node carries a gateway: the one that claims it in the southbound database. Of two that live and don't hear each other each claims it back from the
// other, twice a second: then the one that comes first, by which all other nodes send, as long as that lasts.

/** Within the window. A gateway that fails over, and back, has two; a node claims again after half a second at the earliest (ovn-controller, CLAIM_TIME_THRESHOLD_MS). */
const MOST_CHANGES = 4
const WINDOW_MS = 4000

/** Of a claim that has changed within the window. */
interface Unrest {
  at: number[]
  nodes: Set<string>
  isContested: boolean
  timer: NodeJS.Timeout
}

export interface GatewayCarriersOptions {
  claimant(claimName: string): string | undefined
  /** The node that is to have it first. */
  preferred(claimName: string): string | undefined
  /** One that was contested is so no longer. */
  onSettled(claimName: string): void
  now?: () => number
}

export class GatewayCarriers {
  readonly #options: GatewayCarriersOptions
  readonly #now: () => number
  readonly #last = new Map<string, string>()
  readonly #unrests = new Map<string, Unrest>()

  constructor(options: GatewayCarriersOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  carrierOf(claimName: string): string | undefined {
    const unrest = this.#unrests.get(claimName)
    const preferred = unrest?.isContested === true ? this.#options.preferred(claimName) : undefined
    return preferred !== undefined && unrest?.nodes.has(preferred) ? preferred : this.#options.claimant(claimName)
  }

  /** To be called whenever the claim may have changed. @returns false: it goes to and fro, and nobody need know */
  update(claimName: string): boolean {
    const [before, after] = [this.#last.get(claimName), this.#options.claimant(claimName)]
    if (after === undefined) this.#last.delete(claimName)
    else this.#last.set(claimName, after)
    const wasContested = this.#unrests.get(claimName)?.isContested === true
    if (before === after || before === undefined) return !wasContested
    const now = this.#now()
    const held = this.#unrests.get(claimName)
    clearTimeout(held?.timer)
    const at = [...(held?.at ?? []).filter((one) => now - one < WINDOW_MS), now]
    const nodes = new Set([...(held?.nodes ?? []), before, ...(after === undefined ? [] : [after])])
    const timer = setTimeout(() => this.#settle(claimName), WINDOW_MS).unref()
    this.#unrests.set(claimName, { at, nodes, isContested: wasContested || at.length >= MOST_CHANGES, timer })
    return !wasContested
  }

  close(): void {
    for (const { timer } of this.#unrests.values()) clearTimeout(timer)
  }

  #settle(claimName: string): void {
    const unrest = this.#unrests.get(claimName)
    this.#unrests.delete(claimName)
    if (unrest?.isContested === true) this.#options.onSettled(claimName)
  }
}
