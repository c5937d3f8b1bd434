// SPDX-License-Identifier: Apache-2.0
import type { KubeReader } from '../kube/client.ts'
import { ApiError, isExpired, isTooManyRequests } from '../kube/errors.ts'
import { keyOfObject, type KubeObject, type ObjectKey, type ResourceKind } from '../kube/object.ts'
import { pagesOf } from '../kube/pages.ts'
import { cloneJson } from '../json-clone.ts'
import type { Logger } from '../log.ts'
import { backoffMs } from '../time/backoff.ts'
import { pause, type Clock } from '../time/clock.ts'
import { AnnouncedStore } from './announced-store.ts'
import { Doubt } from './doubt.ts'
import type { ChangeHandler, Informer, InformerOptions } from './informer.ts'
import type { Interner } from './intern.ts'
import { isLaterVersion } from './resource-version.ts'
import type { ObjectStore } from './store.ts'

export interface ListWatchDeps {
  client: Pick<KubeReader, 'listPage' | 'watch'>
  clock: Clock
  log: Logger
  interner: Interner
  random?: () => number
  timing?: Partial<ListWatchTiming>
  metrics?: ListWatchMetrics
  /** A list brought an older state than was seen before: etcd was restored (docs/architecture.md, invariant 6). */
  onRegression?: (kind: ResourceKind, seen: string, now: string) => void
}

export interface ListWatchMetrics {
  listed(kind: ResourceKind, objects: number): void
  watchEnded(kind: ResourceKind, why: 'end' | 'expired' | 'throttled' | 'error'): void
  events(kind: ResourceKind, type: string): void
}

export interface ListWatchTiming {
  /** The server ends each watch after this long, plus up to a fifth, so that an idle one proves itself alive. */
  watchSeconds: number
  /** Silence past the end of the watch after which the connection counts as dead. */
  graceMs: number
  backoffBaseMs: number
  backoffCapMs: number
}

/** 33 × 1.2 + 4 s = 43.6 s: a half-open connection is found within 45 s. Bookmarks alone come only once a minute. */
const TIMING: ListWatchTiming = { watchSeconds: 33, graceMs: 4000, backoffBaseMs: 100, backoffCapMs: 10_000 }

/** One list, then watches from where it ended, for ever: see `run`. */
export class ListWatch<T extends KubeObject> implements Informer<T> {
  readonly kind: ResourceKind
  readonly #options: InformerOptions<T>
  readonly #deps: ListWatchDeps
  readonly #timing: ListWatchTiming
  readonly #objects: AnnouncedStore<T>
  readonly #firstList = Promise.withResolvers<undefined>()
  #synced = false
  /** Where the next watch begins; undefined: list first. */
  #resumeAt: string | undefined
  /** The newest version that a list or the watch brought; own writes do not count. */
  #highest = '0'
  /** The watch was cut off, and the store may have gone back meanwhile. */
  readonly #doubt = new Doubt()
  /** When anything was heard last: a list, an event, a watch that ended in its time. */
  #heardAtMs: number
  /** Lists in a row that lost their place half way. */
  #cutLists = 0

  constructor(kind: ResourceKind, options: InformerOptions<T>, deps: ListWatchDeps) {
    this.kind = kind
    this.#options = options
    this.#deps = deps
    this.#timing = { ...TIMING, ...deps.timing }
    this.#objects = new AnnouncedStore(options, deps.interner)
    this.#heardAtMs = deps.clock.nowMs()
  }

  get cache(): ObjectStore<T> {
    return this.#objects.store
  }

  get synced(): boolean {
    return this.#synced
  }

  /** How long nothing has been heard of the apiserver. */
  get silentMs(): number {
    return this.#deps.clock.nowMs() - this.#heardAtMs
  }

  async whenSynced(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#synced || !signal) return this.#firstList.promise
    const aborted = Promise.withResolvers<undefined>()
    const onAbort = (): void => aborted.reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort)
    try {
      await Promise.race([this.#firstList.promise, aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Resolves when the cache is not older than the last time that the apiserver was away; see `Informers.whenCertain`. */
  async whenCertain(): Promise<void> {
    await this.#doubt.whenOver()
  }

  onChange(handler: ChangeHandler<T>): () => void {
    return this.#objects.onChange(handler)
  }

  /** The projection of a later user of the same informer; only before anything was read. */
  setProject(project: (object: T) => T): void {
    if (this.#objects.isProjected || this.#synced)
      throw new Error(`${this.kind.plural}: one projection, set before the start`)
    this.#objects.setProject(project)
  }

  /**
   * The answer of an own write: seen at once, not when the watch brings it. Events come in the order of versions, so what the watch has
   * passed already is known, or deleted since: putting it would bring a deleted object back for good.
   */
  observe(object: T): void {
    // Before the first list is complete nothing may be concluded from the cache, and the list will bring it.
    if (!this.#synced || !isLaterVersion(object.metadata.resourceVersion, this.#highest)) return
    this.#objects.put(cloneJson(object))
  }

  /** Lists and watches until the signal aborts; resolves then, never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      const startedMs = this.#deps.clock.nowMs()
      try {
        if (this.#doubt.isLong(this.#deps.clock.nowMs())) this.#resumeAt = undefined
        else if (this.#doubt.isOpen && this.#resumeAt !== undefined) await this.#compare(signal)
        if (this.#resumeAt === undefined) await this.#list(signal, this.#cutLists >= 3)
        this.#doubt.end()
        await this.#watch(signal)
        // A server that ends every watch at once (a proxy does) must not be asked in a tight loop.
        failures = this.#deps.clock.nowMs() - startedMs < 1000 ? failures + 1 : 0
        this.#deps.metrics?.watchEnded(this.kind, 'end')
        if (failures > 0) await this.#pause(failures, undefined, signal)
      } catch (error) {
        if (signal.aborted) return
        failures = this.#deps.clock.nowMs() - startedMs < this.#timing.watchSeconds * 500 ? failures + 1 : 1
        await this.#recover(error, failures, signal)
      }
    }
  }

  async #recover(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const { log, metrics } = this.#deps
    // One that is merely overloaded would not thank us for a list.
    if (!isTooManyRequests(error)) this.#doubt.begin(this.#deps.clock.nowMs())
    if (isExpired(error)) {
      this.#cutLists++
      // All replicas and kinds lose their place together when the apiserver restarts: spread the lists.
      this.#resumeAt = undefined
      metrics?.watchEnded(this.kind, 'expired')
      return this.#pause(Math.max(failures, 3), undefined, signal)
    }
    metrics?.watchEnded(this.kind, isTooManyRequests(error) ? 'throttled' : 'error')
    const level = failures >= 5 ? 'warn' : 'debug'
    log[level]({ err: error, resource: this.kind.plural, failures }, 'watch failed')
    // An apiserver that starts says 503 and "in 5 s", and is there after one: only overload is taken at its word.
    const mostMs = isTooManyRequests(error) ? Infinity : 1000
    const askedMs = error instanceof ApiError ? Math.min(error.retryAfterMs ?? 0, mostMs) : undefined
    await this.#pause(failures, askedMs, signal)
  }

  async #pause(failures: number, atLeastMs: number | undefined, signal: AbortSignal): Promise<void> {
    const { backoffBaseMs: baseMs, backoffCapMs: capMs } = this.#timing
    const ms = backoffMs(failures, { baseMs, capMs }, this.#deps.random)
    await pause(this.#deps.clock, (atLeastMs ?? 0) + ms, signal)
  }

  /**
   * A watch from a version that the store has yet to reach is no error: it is silent until another history has come so far, and then goes
   * on in the middle of that one. So whoever was cut off asks first, whether etcd was restored meanwhile.
   */
  async #compare(signal: AbortSignal): Promise<void> {
    const page = await this.#deps.client.listPage<T>(this.kind, { ...this.#selectors(), signal, limit: 1 })
    if (isLaterVersion(this.#highest, page.metadata.resourceVersion)) this.#resumeAt = undefined
  }

  /** Objects are taken over page by page; what no page had is removed at the end. */
  async #list(signal: AbortSignal, unpaged: boolean): Promise<void> {
    const seen = new Map<ObjectKey, string>()
    let version: string | undefined
    let wentBack = false
    // A continue token can expire again and again when the kind is large and the server slow; one long answer then has to do.
    const options = { ...this.#selectors(), signal, ...(unpaged ? { limit: 0 } : {}) }
    for await (const page of pagesOf<T>(this.#deps.client, this.kind, options)) {
      if (version === undefined) {
        version = page.metadata.resourceVersion
        wentBack = isLaterVersion(this.#highest, version)
        if (wentBack) this.#deps.onRegression?.(this.kind, this.#highest, version)
      }
      for (const object of page.items) {
        const key = keyOfObject(object)
        seen.set(key, object.metadata.uid)
        this.#objects.put(object, wentBack || this.#isOfAnotherHistory(key, object, version))
      }
    }
    if (version === undefined) throw new Error(`list of ${this.kind.plural} without a page`)
    for (const held of this.#objects.store.list()) {
      const key = keyOfObject(held)
      // Made by ourselves after the list was taken: the watch will bring it.
      const newer = !wentBack && isLaterVersion(held.metadata.resourceVersion, version)
      if (seen.get(key) !== held.metadata.uid && !newer) this.#objects.remove(key, held.metadata.uid)
    }
    this.#highest = version
    this.#resumeAt = version
    this.#cutLists = 0
    this.#heardAtMs = this.#deps.clock.nowMs()
    this.#deps.metrics?.listed(this.kind, seen.size)
    this.#synced = true
    this.#firstList.resolve(undefined)
  }

  /** A list holds the newest of its time: what was newer before was lost, though the store has come further again since. */
  #isOfAnotherHistory(key: ObjectKey, { metadata }: T, listed: string): boolean {
    const held = this.#objects.store.findByKey(key)?.metadata.resourceVersion
    return held !== undefined && held !== metadata.resourceVersion && !isLaterVersion(held, listed)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const random = this.#deps.random ?? Math.random
    const timeoutSeconds = Math.max(1, Math.round(this.#timing.watchSeconds * (1 + random() / 5)))
    const resourceVersion = this.#resumeAt ?? '0'
    const options = { ...this.#selectors(), resourceVersion, timeoutSeconds, signal }
    const idleTimeoutMs = timeoutSeconds * 1000 + this.#timing.graceMs
    const dueMs = this.#deps.clock.nowMs() + timeoutSeconds * 1000
    for await (const event of this.#deps.client.watch<T>(this.kind, { ...options, idleTimeoutMs })) {
      this.#heardAtMs = this.#deps.clock.nowMs()
      this.#deps.metrics?.events(this.kind, event.type)
      switch (event.type) {
        case 'ADDED':
        case 'MODIFIED':
          this.#advance(event.object.metadata.resourceVersion)
          this.#objects.put(event.object)
          break
        case 'DELETED':
          this.#advance(event.object.metadata.resourceVersion)
          this.#objects.remove(keyOfObject(event.object), event.object.metadata.uid)
          break
        case 'BOOKMARK':
          this.#advance(event.resourceVersion)
          break
      }
    }
    this.#heardAtMs = this.#deps.clock.nowMs()
    // A server that leaves ends its watches before their time.
    if (this.#deps.clock.nowMs() < dueMs - 1000) this.#doubt.begin(this.#deps.clock.nowMs())
  }

  #selectors(): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
    const { namespace, labelSelector, fieldSelector } = this.#options
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    }
  }

  #advance(version: string): void {
    this.#resumeAt = version
    if (isLaterVersion(version, this.#highest)) this.#highest = version
  }
}
