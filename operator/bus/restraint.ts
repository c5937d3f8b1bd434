// SPDX-License-Identifier: Apache-2.0
// What happens to a node that writes more than its share: its part of the bucket is emptied for the others, and it is cut off for a while.
import { jetstreamManager } from '@nats-io/jetstream'
import { OBSERVED_BUCKET, observedFilter, streamOf } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import type { Conduct, Excess, Unsubscribe } from './bus.ts'
import { Listeners } from './listeners.ts'
import type { Sessions } from './sessions.ts'

/** A node that was cut off is let in again after this: its agent may have been mended, and says all it has anew. */
export const CUT_OFF_MS = 10 * 60_000
/** At most this often for one node, however much it writes. */
const AGAIN_MS = 1_000

export interface RestraintOptions {
  nc: NatsConnection
  log: Logger
  sessions: Sessions | undefined
  /** Called when the node's part of the bucket is empty: what nobody asked for need not be remembered either. */
  onEmptied: (node: string) => void
  onExcess: (excess: Excess) => void
  now?: () => number
  /** A node that exceeds its share again within this time is looked at once more at its end, in milliseconds. */
  againMs?: number
}

interface Case {
  excess: Excess
  sinceMs: number
  restrainedMs: number
  /** Removes, a little later, what was on its way when the node was restrained. */
  again: NodeJS.Timeout | undefined
}

export class Restraint implements Conduct {
  readonly #options: RestraintOptions
  readonly #now: () => number
  readonly #cases = new Map<string, Case>()
  readonly #listeners = new Listeners<string>()
  readonly #againMs: number
  #isClosed = false

  constructor(options: RestraintOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
    this.#againMs = options.againMs ?? AGAIN_MS
  }

  find(node: string): { excess: Excess; remainingMs: number } | undefined {
    const found = this.#cases.get(node)
    if (!found) return undefined
    const remainingMs = found.sinceMs + CUT_OFF_MS - this.#now()
    return remainingMs > 0 ? { excess: found.excess, remainingMs } : undefined
  }

  onChange(listener: (node: string) => void): Unsubscribe {
    return this.#listeners.add(listener)
  }

  /** For each report beyond the share. */
  exceeded(node: string, excess: Excess): void {
    this.#options.onExcess(excess)
    const now = this.#now()
    const known = this.#cases.get(node)
    if (known && now - known.restrainedMs < this.#againMs) {
      known.again ??= setTimeout(() => this.#take(node, known), this.#againMs)
      return
    }
    const isNew = this.find(node) === undefined
    const its: Case = { excess, sinceMs: now, restrainedMs: now, again: known?.again }
    this.#cases.set(node, its)
    if (isNew) {
      this.#options.log.error({ node, excess }, 'node writes more than its share of the bus and is cut off')
      this.#listeners.emit(node)
    }
    this.#take(node, its)
  }

  close(): void {
    for (const { again } of this.#cases.values()) clearTimeout(again)
    this.#isClosed = true
  }

  #take(node: string, its: Case): void {
    clearTimeout(its.again)
    its.again = undefined
    if (this.#isClosed) return
    this.#restrain(node).catch((error: unknown) => {
      this.#options.log.warn({ err: error, node }, 'node not restrained')
    })
  }

  /** Ends its session first: otherwise the node would refill what is being emptied. */
  async #restrain(node: string): Promise<void> {
    const { nc, sessions, log, onEmptied } = this.#options
    await sessions?.end(node).catch((error: unknown) => log.warn({ err: error, node }, 'sessions of a node not ended'))
    const jsm = await jetstreamManager(nc, { checkAPI: false })
    await jsm.streams.purge(streamOf(OBSERVED_BUCKET), { filter: observedFilter(node) })
    onEmptied(node)
  }
}
