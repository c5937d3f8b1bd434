// SPDX-License-Identifier: Apache-2.0
import { hash } from 'node:crypto'
import { EVENT } from '../api/kinds.ts'
import type { KubeEvent } from '../api/types.ts'
import type { KubeClient } from '../kube/client.ts'
import { isNotFound } from '../kube/errors.ts'
import { apiVersionOf, type KubeObject, type ResourceKind } from '../kube/object.ts'
import type { Logger } from '../log.ts'
import { systemClock, type Clock } from '../time/clock.ts'
import type { RunEvent } from './controller.ts'
import { microTime } from '../leader/lease.ts'

export interface EventRecorderOptions {
  client: Pick<KubeClient, 'create' | 'mergePatch'>
  log: Logger
  /** `nephele.dev/operator`. */
  controller: string
  /** The pod. */
  instance: string
  clock?: Clock
  onDrop?(why: 'rate' | 'backlog' | 'error'): void
}

interface Series {
  namespace: string
  name: string
  count: number
  lastSeen: Date
  /** Set while repeats wait to be written. */
  cancelFlush?: () => void
  flushAfterMs: number
}

/** Enough for the whole life of a machine; after that one a minute, so that an object that flaps does not fill etcd. */
const BURST = 10
const REFILL_MS = 60_000
const FIRST_FLUSH_MS = 30_000
const LAST_FLUSH_MS = 30 * 60_000
const KEPT = 2000
const BACKLOG = 500
const NOTE_BYTES = 1000

/**
 * Writes each Event once. Repeats (same object, type, reason, action and note) are counted in the series of the first, which is updated
 * less and less often. Never fails and never blocks a run; what exceeds the limits is dropped and counted.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #clock: Clock
  readonly #series = new Map<string, Series>()
  readonly #tokens = new Map<string, { left: number; atMs: number }>()
  #backlog = 0
  #last: Promise<void> = Promise.resolve()

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  record(kind: ResourceKind, object: KubeObject, event: RunEvent): void {
    const { uid } = object.metadata
    const id = hash('sha256', JSON.stringify([uid, event.type, event.reason, event.action, event.note]))
    const known = this.#series.get(id)
    if (known) {
      this.#repeat(id, known)
      return
    }
    if (!this.#takeToken(uid)) return this.#options.onDrop?.('rate')
    const body = this.#toEvent(kind, object, event, id)
    const { namespace, name } = body.metadata
    this.#series.set(id, { namespace, name, count: 1, lastSeen: this.#clock.now(), flushAfterMs: FIRST_FLUSH_MS })
    forgetOldest(this.#series)
    this.#write(async () => {
      try {
        await this.#options.client.create<KubeEvent>(EVENT, body, { timeoutMs: 10_000 })
      } catch (error) {
        this.#series.delete(id) // repeats would be counted in an event that does not exist
        throw error
      }
    })
  }

  /** Events and series that wait to be written. */
  get pending(): number {
    return this.#backlog
  }

  /** For a drain: waits for writes under way; repeats that were not written yet are dropped. */
  async close(): Promise<void> {
    for (const series of this.#series.values()) series.cancelFlush?.()
    this.#series.clear()
    await this.#last
  }

  #repeat(id: string, series: Series): void {
    series.count++
    series.lastSeen = this.#clock.now()
    series.cancelFlush ??= this.#clock.after(series.flushAfterMs, () => {
      delete series.cancelFlush
      series.flushAfterMs = Math.min(series.flushAfterMs * 4, LAST_FLUSH_MS)
      this.#write(() => this.#flush(id, series))
    })
  }

  async #flush(id: string, series: Series): Promise<void> {
    const { namespace, name, count, lastSeen } = series
    const patch = { series: { count, lastObservedTime: microTime(lastSeen) } }
    try {
      await this.#options.client.mergePatch<KubeEvent>(EVENT, { namespace, name }, patch, { timeoutMs: 10_000 })
    } catch (error) {
      if (!isNotFound(error)) throw error
      this.#series.delete(id) // it expired: the next one is a new event
    }
  }

  /** One at a time: Events are not urgent, and people read them in order. */
  #write(write: () => Promise<void>): void {
    if (this.#backlog >= BACKLOG) return this.#options.onDrop?.('backlog')
    this.#backlog++
    this.#last = this.#last
      .then(write)
      .catch((error: unknown) => {
        this.#options.onDrop?.('error')
        this.#options.log.debug({ err: error }, 'event not written')
      })
      .finally(() => this.#backlog--)
  }

  #takeToken(uid: string): boolean {
    const nowMs = this.#clock.nowMs()
    const held = this.#tokens.get(uid) ?? { left: BURST, atMs: nowMs }
    const left = Math.min(BURST, held.left + (nowMs - held.atMs) / REFILL_MS)
    this.#tokens.delete(uid) // so that the map stays in the order of last use
    this.#tokens.set(uid, { left: left < 1 ? left : left - 1, atMs: nowMs })
    forgetOldest(this.#tokens)
    return left >= 1
  }

  #toEvent(kind: ResourceKind, object: KubeObject, event: RunEvent, id: string) {
    const { name, namespace, uid, resourceVersion } = object.metadata
    const now = this.#clock.now()
    // With the time, so that the same message an hour later, from another process, is another Event.
    const suffix = `${id.slice(0, 8)}${now.getTime().toString(16)}`
    return {
      // Each part of a name between dots must be non-empty and must not end with a hyphen.
      metadata: { name: `${name.slice(0, 220).replace(/[-.]+$/, '')}.${suffix}`, namespace: namespace ?? 'default' },
      eventTime: microTime(now),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance.slice(0, 128),
      type: event.type,
      reason: event.reason.slice(0, 128),
      action: event.action.slice(0, 128),
      note: cutToBytes(event.note, NOTE_BYTES),
      regarding: { apiVersion: apiVersionOf(kind), kind: kind.kind, name, namespace, uid, resourceVersion },
    }
  }
}

/** At most `bytes` of UTF-8, never half a character. */
export function cutToBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text)
  if (encoded.length <= bytes) return text
  let end = bytes - 3 // room for the ellipsis
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--
  return `${encoded.subarray(0, end).toString()}…`
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size <= KEPT) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
