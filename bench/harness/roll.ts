// SPDX-License-Identifier: Apache-2.0

/** Who of many is away, and since when. */
export class Roll {
  readonly #awaySince = new Map<string, number>()
  readonly #patienceMs: number

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
  }

  note(name: string, isThere: boolean, nowMs: number): void {
    if (isThere) this.#awaySince.delete(name)
    else if (!this.#awaySince.has(name)) this.#awaySince.set(name, nowMs)
  }

  /** Away for longer than is borne. */
  missing(nowMs: number): string[] {
    return [...this.#awaySince].filter(([, since]) => nowMs - since > this.#patienceMs).map(([name]) => name)
  }
}
