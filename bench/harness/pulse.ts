// SPDX-License-Identifier: Apache-2.0
// What an operator says of itself while a bench runs: how long its event loop stood still, and whether it kept its lead.
import type { OperatorProcess } from './operator-process.ts'
import { memoryOf } from './memory.ts'
import { median } from './figure.ts'

/** A page takes the operator milliseconds for each thousand nodes. */
const EVERY_MS = 5_000

export interface Vital {
  isLeading: boolean
  term: number
  /** The longest that the event loop stood still since the page was asked for before. */
  stopMs: number
  rssMiB: number
}

/** @param page of /metrics */
export function parseVital(page: string): Omit<Vital, 'rssMiB'> {
  const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1] ?? 0)
  return {
    isLeading: read('nephele_leading') === 1,
    term: read('nephele_term'),
    stopMs: read('nodejs_eventloop_lag_max_seconds') * 1000,
  }
}

export class Pulse {
  readonly #operator: OperatorProcess
  readonly #timer: NodeJS.Timeout
  readonly #vitals: Vital[] = []
  #asking: Promise<void> = Promise.resolve()

  constructor(operator: OperatorProcess) {
    this.#operator = operator
    this.#timer = setInterval(() => void this.#lookNext(), EVERY_MS)
  }

  /** What it said since the last time that this was called. */
  async take(): Promise<Vital[]> {
    await this.#lookNext()
    return this.#vitals.splice(0)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** One page after the other: an operator that stands still is not asked by many. */
  #lookNext(): Promise<void> {
    this.#asking = this.#asking.then(() => this.#look())
    return this.#asking
  }

  async #look(): Promise<void> {
    const { pid } = this.#operator
    const page = await this.#operator.metrics().catch(() => undefined)
    if (page !== undefined) this.#vitals.push({ ...parseVital(page), rssMiB: memoryOf(pid).rssMiB })
  }
}

export interface PulseSummary {
  longestStopMs: number
  /** How often it led no more, or led anew. */
  leadsLost: number
  rss: { min: number; median: number; max: number }
}

export function summarize(vitals: readonly Vital[]): PulseSummary {
  const rss = vitals.map(({ rssMiB }) => rssMiB)
  const led = vitals.filter(({ isLeading }) => isLeading).map(({ term }) => term)
  const [first = 0, last = first] = [led.at(0), led.at(-1)]
  return {
    longestStopMs: Math.max(0, ...vitals.map(({ stopMs }) => stopMs)),
    leadsLost: last - first + (led.length > 0 && vitals.at(-1)?.isLeading === false ? 1 : 0),
    rss: { min: Math.min(...rss), median: median(rss), max: Math.max(...rss) },
  }
}
