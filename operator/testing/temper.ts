// SPDX-License-Identifier: Apache-2.0
// Makes a fake agent as late, partial and repetitive as a real one, reproducibly by seed.
import { setTimeout } from 'node:timers/promises'
import type { Observation, RunContext } from '../../agents/runtime/reconciler.ts'
import { TransientError } from '../../lib/errors.ts'

const MOST_LATE_MS = 60
/** How often a run ends before its work is done; each is tried again after half a second. */
const FAILURES = 0.06
const PARTIAL = 0.5

export class Temper {
  readonly seed: number
  readonly #slowMs: number
  #state: number

  /**
   * Agents with the same seed differ by their names. @param seed 0: everything at once, complete and without failures
   * @param slowMs each run takes that long, as on a slow host
   */
  constructor(seed: number, name: string, slowMs = 0) {
    this.seed = seed
    this.#slowMs = slowMs
    this.#state = Buffer.from(name).reduce((state, byte) => mix(state ^ byte), mix(seed))
  }

  chance(probability: number): boolean {
    return this.seed !== 0 && this.#next() < probability
  }

  /** Called before a run does anything: it may delay the run, report half of the progress, or make the run fail. */
  async begin(context: Pick<RunContext, 'report' | 'signal'>, halves: readonly Observation[]): Promise<void> {
    if (this.#slowMs > 0) {
      await setTimeout(this.#slowMs, undefined, { signal: context.signal }).catch(() => undefined)
    }
    if (this.seed === 0) return
    for (const half of halves) {
      if (this.chance(PARTIAL)) context.report(half)
      await setTimeout(this.#next() * MOST_LATE_MS, undefined, { signal: context.signal }).catch(() => undefined)
    }
    if (this.chance(FAILURES)) throw new TransientError('Away', 'what does the work here is away for a moment')
  }

  /** xorshift32 */
  #next(): number {
    this.#state = mix(this.#state)
    return this.#state / 2 ** 32
  }
}

function mix(state: number): number {
  let x = (state || 0x9e3779b9) >>> 0
  x ^= x << 13
  x >>>= 0
  x ^= x >>> 17
  x ^= x << 5
  return x >>> 0
}

/** The seed of this run, random unless NEPHELE_TEST_SEED repeats one. */
export function chooseSeed(env = process.env): number {
  const given = Number(env['NEPHELE_TEST_SEED'])
  return Number.isInteger(given) && given > 0 ? given : Math.floor(Math.random() * 2 ** 31) + 1
}
