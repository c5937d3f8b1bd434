// SPDX-License-Identifier: Apache-2.0
import type { Operation } from '../../../lib/ovsdb/operations.ts'
import { StaleWriterError } from '../../../lib/errors.ts'
import { PendingNames, type NameChange, type NameRows } from './pending-names.ts'

export interface NameWriterOptions {
  rows: NameRows
  /** Names are written no more often than once in this time. */
  everyMs: number
  /** Writes what `take('now')` gives, and commits it. */
  write: () => Promise<void>
}

/** What of the names belongs into the transaction at hand. */
export interface TakenNames {
  operations: Operation[]
  /** Nothing is to be written, now or later. */
  isNothing: boolean
  /** Once the transaction is done. */
  commit: () => void
}

/**
 * Decides when names are written: those of one port by itself in the port's own transaction, those of many together, some time after the last.
 * They are kept until they are written, or this process leads no more; what the next leader finds missing it writes with its first look at the ports.
 */
export class NameWriter {
  readonly #options: NameWriterOptions
  #pending = PendingNames.none
  #writtenAtMs = -Infinity
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: NameWriterOptions) {
    this.#options = options
  }

  take(changes: readonly NameChange[] | 'now'): TakenNames {
    const { rows, everyMs } = this.#options
    const next = changes === 'now' ? this.#pending : this.#pending.plus(changes, rows)
    if (changes !== 'now' && next === this.#pending) return { operations: [], isNothing: true, commit: () => undefined }
    const isDue = changes === 'now' || performance.now() - this.#writtenAtMs >= everyMs
    const operations = isDue ? next.operations(rows) : []
    const commit = (): void => {
      this.#pending = isDue ? PendingNames.none : next
      if (operations.length > 0) this.#writtenAtMs = performance.now()
      if (!isDue) this.#writeLater()
    }
    return { operations, isNothing: isDue && operations.length === 0, commit }
  }

  /** Of another leader, or of an earlier time as one. */
  forget(): void {
    this.#pending = PendingNames.none
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #writeLater(): void {
    if (this.#timer || this.#closed) return
    const { everyMs, write } = this.#options
    const afterMs = Math.max(0, this.#writtenAtMs + everyMs - performance.now())
    const run = (): void => {
      this.#timer = undefined
      if (this.#pending === PendingNames.none || this.#closed) return
      write().catch((error: unknown) => {
        if (error instanceof StaleWriterError) this.forget()
        // Why not is seen with the next port, and in the health of the backend.
        else this.#tryAgain()
      })
    }
    this.#timer = setTimeout(run, Number.isFinite(afterMs) ? afterMs : 0)
  }

  #tryAgain(): void {
    this.#writtenAtMs = performance.now()
    this.#writeLater()
  }
}
