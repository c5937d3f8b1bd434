// SPDX-License-Identifier: Apache-2.0
// A good token opens as many connections as its holder likes, each for up to an hour. This bounds them.

export interface LoginBudgetOptions {
  /** Logins in a row after a pause. */
  burst: number
  /** Another login is allowed every so often. */
  everyMs: number
  /** Holders that are remembered; beyond them the one that came first is forgotten. */
  holders: number
}

/** For each replica of the operator. A connection that keeps getting lost may be made again every ten seconds: more often helps nobody. */
const DEFAULT_LOGIN_BUDGET: LoginBudgetOptions = { burst: 60, everyMs: 10_000, holders: 10_000 }

interface Purse {
  left: number
  atMs: number
}

export class LoginBudget {
  readonly #options: LoginBudgetOptions
  readonly #now: () => number
  readonly #purses = new Map<string, Purse>()

  /** @param now monotonic, in milliseconds */
  constructor(options: LoginBudgetOptions = DEFAULT_LOGIN_BUDGET, now: () => number = () => performance.now()) {
    this.#options = options
    this.#now = now
  }

  /** @returns whether the holder may log in once more */
  take(holder: string): boolean {
    const { burst, everyMs, holders } = this.#options
    const atMs = this.#now()
    const purse = this.#purses.get(holder) ?? { left: burst, atMs }
    const left = Math.min(burst, purse.left + (atMs - purse.atMs) / everyMs)
    this.#purses.delete(holder)
    this.#purses.set(holder, { left: left >= 1 ? left - 1 : left, atMs })
    const [oldest] = this.#purses.keys()
    if (this.#purses.size > holders && oldest !== undefined) this.#purses.delete(oldest)
    return left >= 1
  }
}
