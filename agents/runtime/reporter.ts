// SPDX-License-Identifier: Apache-2.0
// Publishes observations: only when they differ, all of them again after a reconnection, and each until NATS has acknowledged it.
import { isDeepStrictEqual } from 'node:util'
import type { ObservedDocument } from '../../lib/contract/documents.ts'
import { observedSubject, toDocumentKey } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import { systemClock, pause, type Clock } from '../../lib/time/clock.ts'

/** Where reports go: lib/nats, or a list in tests. */
export interface Outbox {
  readonly connected: boolean
  /** Resolves when NATS has stored it. */
  publish(subject: string, data: string): Promise<void>
}

/** At most one report of mere progress per object in this time. */
const PROGRESS_EVERY_MS = 1_000
const RETRY_MS = 1_000
const IN_FLIGHT = 32

interface Report {
  document: ObservedDocument
  /** The present state is not acknowledged yet. */
  dirty: boolean
  /** Only its progress has changed. */
  onlyProgress: boolean
  notBeforeMs: number
}

export interface ReporterOptions {
  outbox: Outbox
  log: Logger
  clock?: Clock
}

export class Reporter {
  readonly #outbox: Outbox
  readonly #log: Logger
  readonly #clock: Clock
  readonly #reports = new Map<string, Report>()
  readonly #dirty = new Set<string>()
  #wake: (() => void) | undefined
  /** Something was enqueued since the last flush began. */
  #changed = false

  constructor(options: ReporterOptions) {
    this.#outbox = options.outbox
    this.#log = options.log
    this.#clock = options.clock ?? systemClock
  }

  /** Reports that are not acknowledged. */
  get pending(): number {
    return this.#dirty.size
  }

  /** How many objects are in which state, as reported last. For monitoring. */
  countStates(): { kind: string; state: string; count: number }[] {
    const counts = new Map<string, { kind: string; state: string; count: number }>()
    for (const { document } of this.#reports.values()) {
      const { kind, state } = document
      if (state === 'gone') continue
      const key = `${kind}.${state}`
      const entry = counts.get(key) ?? { kind, state, count: 0 }
      counts.set(key, { ...entry, count: entry.count + 1 })
    }
    return [...counts.values()]
  }

  find(document: Pick<ObservedDocument, 'node' | 'kind' | 'uid'>): ObservedDocument | undefined {
    return this.#reports.get(toDocumentKey(document))?.document
  }

  /** Keeps `since` while the state stays the same. @returns whether it differs from the last one in more than progress and time */
  set(document: ObservedDocument): boolean {
    const key = toDocumentKey(document)
    const old = this.#reports.get(key)
    const next = old?.document.state === document.state ? { ...document, since: old.document.since } : document
    if (old && isDeepStrictEqual(old.document, next)) return false
    const onlyProgress =
      old !== undefined && isDeepStrictEqual({ ...old.document, progress: 0 }, { ...next, progress: 0 })
    const notBeforeMs = onlyProgress ? old.notBeforeMs : 0
    // The report that is pending or in flight may be more than progress: then its replacement does not wait either.
    const isMere = onlyProgress && (old.onlyProgress || !old.dirty)
    this.#reports.set(key, { document: next, dirty: true, onlyProgress: isMere, notBeforeMs })
    this.#enqueue(key)
    return !onlyProgress
  }

  /** Repeats an unchanged report: somebody asked for it by sending the document again. */
  repeat(document: Pick<ObservedDocument, 'node' | 'kind' | 'uid'>): void {
    const key = toDocumentKey(document)
    if (this.#reports.has(key)) this.#enqueue(key)
  }

  /** Nobody is interested in it any more: it is not repeated. */
  forget(document: Pick<ObservedDocument, 'node' | 'kind' | 'uid'>): void {
    this.#reports.delete(toDocumentKey(document))
  }

  /** After a reconnection NATS may have lost anything. Reports of objects that are gone are not repeated. */
  repeatAll(): void {
    for (const [key, report] of this.#reports) {
      if (report.document.state !== 'gone') this.#enqueue(key)
    }
  }

  #enqueue(key: string): void {
    this.#dirty.add(key)
    this.#changed = true
    this.#wake?.()
  }

  /** Sends until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#changed = false
      await this.#sleep(await this.#flush(), signal)
    }
  }

  /** One attempt to send everything that is pending, so that a process sends its last reports before it ends. */
  async flush(): Promise<void> {
    await this.#flush(true)
  }

  /** @returns how long until there may be something to send; undefined: until woken */
  async #flush(all = false): Promise<number | undefined> {
    if (!this.#outbox.connected) return this.#dirty.size > 0 ? RETRY_MS : undefined
    const now = this.#clock.nowMs()
    const due = [...this.#dirty].filter((key) => all || (this.#reports.get(key)?.notBeforeMs ?? 0) <= now)
    let failed = false
    for (let at = 0; at < due.length && !failed; at += IN_FLIGHT) {
      const sent = await Promise.all(due.slice(at, at + IN_FLIGHT).map((key) => this.#send(key)))
      failed = sent.includes(false)
    }
    if (failed) return RETRY_MS
    const waits = [...this.#dirty].map((key) => (this.#reports.get(key)?.notBeforeMs ?? 0) - now)
    return waits.length > 0 ? Math.max(10, Math.min(...waits)) : undefined
  }

  async #send(key: string): Promise<boolean> {
    const report = this.#reports.get(key)
    this.#dirty.delete(key)
    if (!report) return true
    try {
      await this.#outbox.publish(observedSubject(report.document), JSON.stringify(report.document))
    } catch (error) {
      this.#log.debug({ err: error, key }, 'report not acknowledged')
      this.#dirty.add(key)
      return false
    }
    const now = this.#reports.get(key)
    if (now === report) report.dirty = false
    if (now && (now === report || now.onlyProgress)) now.notBeforeMs = this.#clock.nowMs() + PROGRESS_EVERY_MS
    return true
  }

  async #sleep(ms: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#changed && ms !== RETRY_MS) return
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await pause(this.#clock, ms ?? 60_000, AbortSignal.any([signal, woken.signal]))
    this.#wake = undefined
  }
}
