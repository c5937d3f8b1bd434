// SPDX-License-Identifier: Apache-2.0
import { Listeners } from '../../bus/listeners.ts'
import type { BackendHealth } from '../network-driver.ts'
import { judgeBackend, NORTHD_PROBE_MS, PATIENCE, type Connection, type Patience } from './backend-health.ts'
import { NorthdPulse } from './northd-pulse.ts'
import type { OvsRow } from '../../../lib/ovsdb/values.ts'

const LOOK_MS = 1_000

type Watched = Pick<Connection, 'synced' | 'failure'>

export interface BackendWatchOptions {
  northbound: Watched
  southbound?: Watched
  /** Asks northd for a sign of life; may fail. */
  probe(): Promise<void>
  timing?: BackendTiming
}

/** For tests, which wait for nothing. */
export interface BackendTiming extends Patience {
  probeMs: number
}

/** Tracks the backend's health, and notifies of each change. */
export class BackendWatch {
  readonly #options: BackendWatchOptions
  readonly #pulse = new NorthdPulse()
  readonly #downSince = new Map<Watched, number>()
  readonly #changed = new Listeners<undefined>()
  #health: BackendHealth | undefined
  #probedAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(options: BackendWatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer ??= setInterval(() => this.look(), LOOK_MS).unref()
    this.look()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** The row of NB_Global has changed. */
  global(row: OvsRow | undefined): void {
    this.#pulse.update(row, performance.now())
    this.look()
  }

  health(): BackendHealth | undefined {
    return this.#health
  }

  onHealth(listener: () => void): () => void {
    return this.#changed.add(listener)
  }

  look(): void {
    const now = performance.now()
    const { northbound, southbound, timing = { ...PATIENCE, probeMs: NORTHD_PROBE_MS } } = this.#options
    const facts = {
      northbound: this.#connection(northbound, now),
      northdBehindMs: this.#pulse.behindMs(now),
      ...(southbound ? { southbound: this.#connection(southbound, now) } : {}),
    }
    const found = judgeBackend(facts, timing)
    if (northbound.synced && !this.#pulse.isWaiting && now - this.#probedAt >= timing.probeMs) {
      this.#probedAt = now
      // Without a connection or a term of ours there is nothing to ask, and the next turn asks again.
      this.#options.probe().catch(() => undefined)
    }
    // Without a new verdict, the last one stands.
    if (!found || (found.reason === this.#health?.reason && found.message === this.#health.message)) return
    this.#health = found
    this.#changed.emit(undefined)
  }

  #connection(watched: Watched, now: number): Connection {
    const { synced, failure } = watched
    if (synced) this.#downSince.delete(watched)
    else if (!this.#downSince.has(watched)) this.#downSince.set(watched, now)
    return { synced, failure, downMs: synced ? 0 : now - (this.#downSince.get(watched) ?? now) }
  }
}
