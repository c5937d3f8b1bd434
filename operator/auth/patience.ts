// SPDX-License-Identifier: Apache-2.0
// Each token that the bus is shown costs the apiserver a review, before anybody knows who shows it.

export interface PatienceOptions {
  /** After so many refusals within the window, tokens from an address are no longer reviewed. */
  refusals: number
  windowMs: number
  /** Addresses that are remembered; beyond them the oldest is forgotten. */
  addresses: number
}

/** A node whose token ran out tries again every second or so, and a restarted server meets all of them at once, with good tokens. */
export const DEFAULT_PATIENCE: PatienceOptions = { refusals: 30, windowMs: 10_000, addresses: 4_096 }

interface Refusals {
  fromMs: number
  count: number
}

/** An address that is refused too often is refused without a review until its window ends; no other address is affected. */
export class Patience {
  readonly #options: PatienceOptions
  readonly #now: () => number
  readonly #refusals = new Map<string, Refusals>()

  /** @param now monotonic, in milliseconds */
  constructor(options: PatienceOptions = DEFAULT_PATIENCE, now: () => number = () => performance.now()) {
    this.#options = options
    this.#now = now
  }

  isOver(address: string): boolean {
    return this.left(address) <= 0
  }

  /** So many more may be refused within the window. */
  left(address: string): number {
    const { refusals, windowMs } = this.#options
    const found = this.#refusals.get(address)
    return found && this.#now() - found.fromMs < windowMs ? refusals - found.count : refusals
  }

  refused(address: string): void {
    const now = this.#now()
    const found = this.#refusals.get(address)
    if (found && now - found.fromMs < this.#options.windowMs) {
      found.count += 1
      return
    }
    this.#refusals.delete(address)
    this.#refusals.set(address, { fromMs: now, count: 1 })
    const [oldest] = this.#refusals.keys()
    if (this.#refusals.size > this.#options.addresses && oldest !== undefined) this.#refusals.delete(oldest)
  }
}
