// SPDX-License-Identifier: Apache-2.0
import { StaleWriterError } from '../errors.ts'
import type { KubeClient } from '../kube/client.ts'
import { ApiError, isAlreadyExists, isConflict, isNotFound, isUnreachable } from '../kube/errors.ts'
import { keyOfObject, refOfKey, type KubeObject, type ObjectKey } from '../kube/object.ts'
import type { Logger } from '../log.ts'
import { systemClock, type Clock } from '../time/clock.ts'
import { keysWokenBy, type Controller, type ControllerDefinition, type Waker } from './controller.ts'
import type { EventRecorder } from './events.ts'
import { fencedClient, heldFence, type Fence } from '../leader/fence.ts'
import type { Informers } from '../informer/informers.ts'
import type { LoopMetrics } from './metrics.ts'
import { firstLookPriority } from './first-look.ts'
import { NamespaceLine } from './namespace-line.ts'
import { ObjectWrites } from './object-writes.ts'
import { isWorthWarning, ObjectRuns } from './object-runs.ts'
import { WorkQueue } from './queue.ts'

export interface LoopDeps {
  /** Plain: the loop puts fence and caches around it. */
  client: KubeClient
  informers: Informers
  fence: Fence
  events: Pick<EventRecorder, 'record'>
  log: Logger
  metrics?: LoopMetrics
  clock?: Clock
  /**
   * While it answers true nothing is read or written for any object, and keys that come up are dropped: whoever ends that has all
   * of them looked at (`enqueueAll`). Not of a definition that `runsWhileHeld`.
   */
  isHeld?: () => boolean
}

/** Passes of one run that follow each other at once (`saved`); more is a reconciler that decides something new for ever. */
const MOST_PASSES = 10

/** Of keys in the queue: what is being deleted goes first, and what the definition calls urgent. */
const URGENT = -1
const ORDINARY = 0

/**
 * Runs one controller while we lead: who wakes which key, when its turn comes, and when it comes again. What is done with an object then
 * is in lib/loop/object-runs.ts; the rules for authors are in lib/loop/controller.ts.
 */
export class ControlLoop<T extends KubeObject> implements Controller {
  readonly name: string
  readonly #definition: ControllerDefinition<T>
  readonly #deps: LoopDeps
  readonly #clock: Clock
  readonly #log: Logger
  readonly #line = new NamespaceLine()
  readonly #queue: WorkQueue
  readonly #writes: ObjectWrites<T>
  readonly #runs: ObjectRuns<T>

  constructor(definition: ControllerDefinition<T>, deps: LoopDeps) {
    this.name = definition.name
    this.#definition = definition
    this.#deps = deps
    deps.metrics?.begins(definition.name)
    this.#clock = deps.clock ?? systemClock
    this.#log = deps.log.child({ controller: definition.name, kind: definition.kind.kind })
    const fence = definition.runsWhileHeld ? deps.fence : heldFence(deps.fence, () => this.#isHeld)
    const client = deps.informers.observing(fencedClient(deps.client, fence))
    this.#writes = new ObjectWrites(definition, {
      client,
      log: this.#log,
      clock: this.#clock,
      enqueue: (key, afterMs) => this.enqueue(key, afterMs),
    })
    this.#runs = new ObjectRuns(definition, {
      ...{ client, fence: deps.fence, events: deps.events, log: this.#log, clock: this.#clock, writes: this.#writes },
      find: (key) => this.#cache.findByKey(key),
      isHeld: () => this.#isHeld,
      failures: (key) => this.#queue.failures(key),
      onResult: (result, why) => deps.metrics?.ran(definition.name, result, why),
    })
    this.#queue = new WorkQueue({
      clock: this.#clock,
      concurrency: definition.concurrency ?? 8,
      work: (key) => this.#work(key),
      line: this.#line,
      priority: (key) => this.#priorityOf(key),
      onWait: (ms) => deps.metrics?.waitSeconds.observe({ controller: definition.name }, ms / 1000),
    })
  }

  get idle(): boolean {
    return this.#queue.idle
  }

  enqueue(key: ObjectKey, afterMs = 0): void {
    this.#queue.addAfter(key, afterMs)
  }

  enqueueUid(uid: string, afterMs = 0): void {
    const object = this.#cache.findByUid(uid)
    if (object) this.enqueue(keyOfObject(object), afterMs)
  }

  enqueueAll(): void {
    for (const key of this.#cache.keys()) this.enqueue(key)
  }

  /**
   * Works until the fence's signal aborts, then drains. The informers must have synced: a cache that is not complete would make
   * reconcilers act on absence.
   */
  async run(): Promise<void> {
    const { signal } = this.#deps.fence
    const { conditions } = this.#definition
    for (const object of this.#cache.list()) {
      const key = keyOfObject(object)
      this.#queue.add(key, this.#priorityOf(key) + firstLookPriority(object, conditions !== 'none'))
    }
    const subscriptions = this.#subscribe()
    const unwatch = this.#deps.metrics?.watchQueue(this.name, () => {
      const sinceMs = this.#line.oldestMs()
      return { depth: this.#queue.depth, oldestMs: sinceMs === undefined ? 0 : this.#clock.nowMs() - sinceMs }
    })
    this.#queue.start()
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    for (const unsubscribe of subscriptions) unsubscribe()
    unwatch?.()
    await this.#queue.close()
  }

  #priorityOf(key: ObjectKey): number {
    const object = this.#cache.findByKey(key)
    if (!object) return ORDINARY
    return object.metadata.deletionTimestamp !== undefined || this.#definition.isUrgent?.(object) ? URGENT : ORDINARY
  }

  get #isHeld(): boolean {
    return this.#definition.runsWhileHeld !== true && (this.#deps.isHeld?.() ?? false)
  }

  get #informer() {
    return this.#deps.informers.of<T>(this.#definition.kind)
  }

  get #cache() {
    return this.#informer.cache
  }

  /** What is there already is announced at once, before `begun`: all keys are queued by then. */
  #subscribe(): (() => void)[] {
    let begun = false
    const own = this.#informer.onChange(({ old, object }) => {
      if (begun) this.#changed(old, object)
    })
    const others = (this.#definition.watches ?? []).map((watch) =>
      watch.source.onChange((change) => {
        if (begun) for (const key of keysWokenBy(watch, change)) this.enqueue(key)
      }),
    )
    begun = true
    const waker: Waker = {
      enqueue: (key, afterMs) => this.enqueue(key, afterMs),
      enqueueUid: (uid, afterMs) => this.enqueueUid(uid, afterMs),
      enqueueAll: () => this.enqueueAll(),
    }
    return [own, ...others, ...(this.#definition.sources ?? []).map((subscribe) => subscribe(waker))]
  }

  #changed(old: T | undefined, object: T | undefined): void {
    const present = object ?? old
    if (!present) return
    const key = keyOfObject(present)
    const gone = old && old.metadata.uid !== object?.metadata.uid ? old : undefined
    if (gone) this.#forget(key, gone)
    if (object && !this.#writes.isOwn(key, object.metadata.resourceVersion)) this.enqueue(key)
  }

  #forget(key: ObjectKey, last: T): void {
    this.#queue.forget(key)
    this.#writes.forget(key)
    this.#definition.forget?.(key, last)
  }

  async #work(key: ObjectKey): Promise<void> {
    const startedMs = this.#clock.nowMs()
    try {
      for (let pass = 0; await this.#pass(key); pass++) {
        if (pass < MOST_PASSES) continue
        this.enqueue(key, 1000)
        return
      }
    } catch (error) {
      this.#failed(key, error)
    } finally {
      this.#deps.metrics?.runSeconds.observe({ controller: this.name }, (this.#clock.nowMs() - startedMs) / 1000)
    }
  }

  /** @returns whether the key is run again at once */
  async #pass(key: ObjectKey): Promise<boolean> {
    const next = await this.#runs.run(key)
    if (next.kind === 'retry') this.#queue.retry(key)
    else if (next.kind !== 'none') this.#queue.forget(key)
    if (next.kind === 'rest' && next.afterMs !== undefined) this.enqueue(key, next.afterMs)
    return next.kind === 'again'
  }

  /** The loop's own requests failed, or the run's did in a way that says nothing about the object. */
  #failed(key: ObjectKey, error: unknown): void {
    if (this.#deps.fence.signal.aborted || error instanceof StaleWriterError) return
    const delayMs = this.#queue.retry(key, error instanceof ApiError ? error.retryAfterMs : undefined)
    const failures = this.#queue.failures(key)
    const conflict = isConflict(error) || isAlreadyExists(error) || isNotFound(error)
    const unexpected = { reason: isUnreachable(error) ? 'Unreachable' : 'Error', isFailure: true }
    if (conflict) this.#deps.metrics?.ran(this.name, 'conflict')
    else this.#deps.metrics?.ran(this.name, 'error', unexpected)
    const level = conflict && failures < 8 ? 'debug' : isWorthWarning(failures) ? 'warn' : 'debug'
    this.#log[level]({ ...refOfKey(key), err: error, failures, delayMs: Math.round(delayMs) }, 'run will be repeated')
  }
}
