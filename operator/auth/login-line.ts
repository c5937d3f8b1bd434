// SPDX-License-Identifier: Apache-2.0
// Which login is reviewed next. A review costs the apiserver a request before anybody knows who is asking.
import { RefusedToken } from './token-review.ts'
import { DEFAULT_PATIENCE, Patience, type PatienceOptions } from './patience.ts'

export interface LoginLineOptions {
  /** Reviews under way, of all addresses. */
  atOnce: number
  /** Logins that wait for one. */
  waiting: number
  patience: PatienceOptions
}

/** All agents of a large cloud may come at once, and from one address: they wait their turn. */
export const DEFAULT_LOGIN_LINE: LoginLineOptions = { atOnce: 64, waiting: 8_192, patience: DEFAULT_PATIENCE }

/** The line is full. Being turned away says nothing about the token. */
export class TooManyLogins extends Error {
  constructor() {
    super('too many logins wait for their review: try again')
    this.name = 'TooManyLogins'
  }
}

interface Waiting {
  admit: () => void
  refuse: (why: Error) => void
  deadline: AbortSignal
}

/**
 * An address never has more reviews under way than it has failures left: with bad tokens it gets that many reviews, however many come at
 * once, and then none until its window ends; with good ones it waits for a moment at most. Addresses take turns.
 */
export class LoginLine {
  readonly #options: LoginLineOptions
  readonly #patience: Patience
  readonly #underWay = new Map<string, number>()
  #all = 0
  /** By address, in the order of their turns. */
  readonly #lines = new Map<string, Waiting[]>()
  #waiting = 0

  constructor(options: LoginLineOptions = DEFAULT_LOGIN_LINE, now?: () => number) {
    this.#options = options
    this.#patience = new Patience(options.patience, now)
  }

  get waiting(): number {
    return this.#waiting
  }

  /**
   * @param review its failure by RefusedToken counts against the address
   * @param deadline a login that waits for longer is no longer reviewed
   * @throws RefusedToken of an address that failed too often; TooManyLogins; what `review` throws
   */
  async pass<T>(address: string, deadline: AbortSignal, review: () => Promise<T>): Promise<T> {
    await this.#enter(address, deadline)
    let isRefused = false
    try {
      return await review()
    } catch (error) {
      isRefused = error instanceof RefusedToken
      throw error
    } finally {
      this.#leave(address, isRefused)
    }
  }

  async #enter(address: string, deadline: AbortSignal): Promise<void> {
    if (this.#patience.isOver(address)) throw outOfPatience()
    if (!this.#lines.has(address) && this.#mayStart(address)) {
      this.#start(address)
      return
    }
    if (this.#waiting >= this.#options.waiting && !this.#makeRoom(address)) throw new TooManyLogins()
    await new Promise<void>((admit, refuse) => {
      const line = this.#lines.get(address) ?? []
      this.#lines.set(address, line)
      line.push({ admit, refuse, deadline })
      this.#waiting += 1
    })
  }

  #leave(address: string, isRefused: boolean): void {
    this.#all -= 1
    const rest = (this.#underWay.get(address) ?? 1) - 1
    if (rest > 0) this.#underWay.set(address, rest)
    else this.#underWay.delete(address)
    if (isRefused) this.#patience.refused(address)
    if (this.#patience.isOver(address)) this.#turnAway(address)
    this.#admit()
  }

  #start(address: string): void {
    this.#all += 1
    this.#underWay.set(address, (this.#underWay.get(address) ?? 0) + 1)
  }

  #mayStart(address: string): boolean {
    return this.#all < this.#options.atOnce && (this.#underWay.get(address) ?? 0) < this.#patience.left(address)
  }

  /** One of each address that may, and then the next, until none may. */
  #admit(): void {
    // An address that got a turn is put behind the others, and this loop comes to it again.
    for (const [address, line] of this.#lines) {
      if (this.#all >= this.#options.atOnce) return
      const next = this.#mayStart(address) ? this.#next(address, line) : undefined
      if (!next) continue
      this.#lines.delete(address)
      if (line.length > 0) this.#lines.set(address, line)
      this.#start(address)
      next.admit()
    }
  }

  /** Who still waits; the others have been told by their server that it took too long. */
  #next(address: string, line: Waiting[]): Waiting | undefined {
    for (;;) {
      const next = line.shift()
      if (!next) {
        this.#lines.delete(address)
        return undefined
      }
      this.#waiting -= 1
      if (!next.deadline.aborted) return next
      next.refuse(new TooManyLogins())
    }
  }

  #turnAway(address: string): void {
    const line = this.#lines.get(address)
    if (!line) return
    this.#lines.delete(address)
    this.#waiting -= line.length
    for (const { refuse } of line) refuse(outOfPatience())
  }

  /** Turns away the last of the longest line, so that no address takes all the room. @returns whether there is room for this one */
  #makeRoom(address: string): boolean {
    const own = this.#lines.get(address)?.length ?? 0
    let longest: Waiting[] | undefined
    for (const line of this.#lines.values()) if (line.length > (longest?.length ?? own + 1)) longest = line
    const last = longest?.pop()
    if (!last) return false
    this.#waiting -= 1
    last.refuse(new TooManyLogins())
    return true
  }
}

function outOfPatience(): RefusedToken {
  return new RefusedToken('too many logins from this address were refused: wait')
}
