// SPDX-License-Identifier: Apache-2.0

/** Claims of one gateway within the window that are announced: it fails over, and is had back and lost again. */
const MOST_ANNOUNCED = 2
const WINDOW_MS = 4000

/** Tells a claim of a gateway that another node takes back each time: of two that live and don't hear each other both claim it, twice a second. */
export class ClaimTurns {
  readonly #now: () => number
  readonly #at = new Map<string, number[]>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Notes that the node has claimed it. @returns whether it did so again and again */
  note(gateway: string): boolean {
    const now = this.#now()
    for (const [other, at] of this.#at) if (now - (at.at(-1) ?? 0) >= WINDOW_MS) this.#at.delete(other)
    const at = [...(this.#at.get(gateway) ?? []).filter((one) => now - one < WINDOW_MS), now]
    this.#at.set(gateway, at)
    return at.length > MOST_ANNOUNCED
  }
}
