// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../kube/object.ts'
import { backoffMs, type BackoffOptions } from '../time/backoff.ts'
import type { Clock } from '../time/clock.ts'
import { NamespaceLine } from './namespace-line.ts'
import type { WaitingLine } from './waiting-line.ts'

export interface WorkQueueOptions {
  clock: Clock
  /** How many keys are worked on at the same time. */
  concurrency: number
  /** Must not reject: it handles its own errors. */
  work: (key: ObjectKey) => Promise<void>
  backoff?: BackoffOptions
  random?: () => number
  /** Smaller is sooner; asked when a key is added. */
  priority?: (key: ObjectKey) => number
  /** Decides which key is next; by default by priority, then namespaces in turn. */
  line?: WaitingLine
  onWait?: (waitedMs: number) => void
}

/** A dead dependency must not be asked every second, and one that came back must not be left alone for long. */
const BACKOFF: BackoffOptions = { baseMs: 250, capMs: 120_000 }
/** Runs that never await I/O would otherwise follow each other in microtasks and starve timers, sockets and the renewal of the Lease. */
const MOST_MS_A_TURN = 5

/**
 * Keys to work on. A key is queued at most once and never worked on twice at a time: one that is added during its run runs again after it.
 * A run cancels what was scheduled for its key (delays, back-off): it decides anew.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #waiting: WaitingLine
  readonly #running = new Set<ObjectKey>()
  /** Running keys that wait for something outside and have left their slot to others meanwhile. */
  readonly #slotless = new Set<ObjectKey>()
  /** Added while running. */
  readonly #dirty = new Set<ObjectKey>()
  readonly #delayed = new Map<ObjectKey, { dueMs: number; cancel: () => void }>()
  readonly #failures = new Map<ObjectKey, number>()
  /** When work began in this turn of the event loop. */
  #turnSinceMs: number | undefined
  #started = false
  #closed = false
  #drained = Promise.withResolvers<undefined>()

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#waiting = options.line ?? new NamespaceLine()
  }

  /** Starts working; what was added before has waited for this. */
  start(): void {
    this.#started = true
    this.#pump()
  }

  /** @param priority overrides the options'; a key that is queued already keeps the smaller of the two */
  add(key: ObjectKey, priority = this.#options.priority?.(key) ?? 0): void {
    if (this.#closed) return
    if (this.#running.has(key)) {
      this.#dirty.add(key)
      return
    }
    this.#waiting.add(key, this.#options.clock.nowMs(), priority)
    this.#pump()
  }

  /** Adds after a delay; of several delays for a key the earliest counts. */
  addAfter(key: ObjectKey, ms: number): void {
    if (this.#closed) return
    if (ms <= 0) {
      this.add(key)
      return
    }
    const dueMs = this.#options.clock.nowMs() + ms
    const planned = this.#delayed.get(key)
    if (planned && planned.dueMs <= dueMs) return
    planned?.cancel()
    const cancel = this.#options.clock.after(ms, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { dueMs, cancel })
  }

  /** The run failed: adds after the key's back-off, or after `atLeastMs` if that is later. Returns the delay. */
  retry(key: ObjectKey, atLeastMs = 0): number {
    const failures = this.failures(key) + 1
    this.#failures.set(key, failures)
    const ms = Math.max(atLeastMs, backoffMs(failures, this.#options.backoff ?? BACKOFF, this.#options.random))
    this.addAfter(key, ms)
    return ms
  }

  /** The run succeeded, or the object is gone: the next failure counts as the first. */
  forget(key: ObjectKey): void {
    this.#failures.delete(key)
  }

  failures(key: ObjectKey): number {
    return this.#failures.get(key) ?? 0
  }

  /** The run of this key goes on without its slot: it waits for something outside, perhaps for long. */
  leaveSlot(key: ObjectKey): void {
    if (!this.#running.has(key) || this.#slotless.has(key)) return
    this.#slotless.add(key)
    this.#waiting.ended(key)
    this.#pump()
  }

  /** Keys that wait for a free slot. */
  get depth(): number {
    return this.#waiting.size
  }

  get running(): number {
    return this.#running.size
  }

  /** Nothing waits, runs or is scheduled. */
  get idle(): boolean {
    return this.depth === 0 && this.running === 0 && this.#delayed.size === 0
  }

  /** Starts no more runs; resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { cancel } of this.#delayed.values()) cancel()
    this.#delayed.clear()
    this.#waiting.clear()
    this.#dirty.clear()
    if (this.#running.size > 0) await this.#drained.promise
  }

  #pump(): void {
    while (this.#started && !this.#closed && this.#inSlots < this.#options.concurrency) {
      if (this.depth === 0 || this.#isTurnOver()) return
      const next = this.#waiting.take()
      if (!next) return
      const [key, addedMs] = next
      this.#delayed.get(key)?.cancel()
      this.#delayed.delete(key)
      this.#running.add(key)
      this.#options.onWait?.(this.#options.clock.nowMs() - addedMs)
      void this.#options.work(key).finally(() => this.#finish(key))
    }
  }

  /** Has this queue worked long enough in this turn of the event loop? It goes on by itself in the next one. */
  #isTurnOver(): boolean {
    const nowMs = performance.now()
    if (this.#turnSinceMs === undefined) {
      this.#turnSinceMs = nowMs
      setImmediate(() => {
        this.#turnSinceMs = undefined
        this.#pump()
      })
    }
    return nowMs - this.#turnSinceMs >= MOST_MS_A_TURN
  }

  get #inSlots(): number {
    return this.#running.size - this.#slotless.size
  }

  #finish(key: ObjectKey): void {
    this.#running.delete(key)
    if (!this.#slotless.delete(key)) this.#waiting.ended(key)
    if (this.#dirty.delete(key)) this.add(key)
    this.#pump()
    if (this.#closed && this.#running.size === 0) this.#drained.resolve(undefined)
  }
}
