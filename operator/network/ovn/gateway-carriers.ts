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
  /** One that was contested is so no longer: it may have moved. */
  onSettled(claimName: string): void
  now?: () => number
}

export class GatewayCarriers {
  readonly #options: GatewayCarriersOptions
  readonly #now: () => number
  readonly #claimants = new Map<string, string>()
  /** As was told last. */
  readonly #carriers = new Map<string, string>()
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

  /** To be called whenever the claim may have changed. @returns whether another node carries it than at the last call */
  update(claimName: string): boolean {
    const [before, after] = [this.#claimants.get(claimName), this.#options.claimant(claimName)]
    if (before !== after) setOrDelete(this.#claimants, claimName, after)
    if (before !== undefined && before !== after) this.#disturb(claimName, [before, after])
    const carrier = this.carrierOf(claimName)
    if (carrier === this.#carriers.get(claimName)) return false
    setOrDelete(this.#carriers, claimName, carrier)
    return true
  }

  /** Nobody knew for a while: whatever carries it, others are told at the next call. */
  forgetTold(): void {
    this.#carriers.clear()
  }

  close(): void {
    for (const { timer } of this.#unrests.values()) clearTimeout(timer)
  }

  #disturb(claimName: string, ends: readonly (string | undefined)[]): void {
    const now = this.#now()
    const held = this.#unrests.get(claimName)
    clearTimeout(held?.timer)
    const at = [...(held?.at ?? []).filter((one) => now - one < WINDOW_MS), now]
    const nodes = new Set([...(held?.nodes ?? []), ...ends.filter((node) => node !== undefined)])
    const timer = setTimeout(() => this.#settle(claimName), WINDOW_MS).unref()
    const isContested = held?.isContested === true || at.length >= MOST_CHANGES
    this.#unrests.set(claimName, { at, nodes, isContested, timer })
  }

  #settle(claimName: string): void {
    const unrest = this.#unrests.get(claimName)
    this.#unrests.delete(claimName)
    if (unrest?.isContested === true) this.#options.onSettled(claimName)
  }
}

function setOrDelete(map: Map<string, string>, key: string, value: string | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
