// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { changeOf } from '../change-id.ts'
import { findCondition } from '../conditions.ts'
import { StaleWriterError } from '../errors.ts'
import type { KubeClient } from '../kube/client.ts'
import { isAlreadyExists, isConflict, isNamespaceTerminating, isUnreachable } from '../kube/errors.ts'
import { cloneJson } from '../json-clone.ts'
import { refOfKey, type CommonStatus, type KubeObject, type ObjectKey } from '../kube/object.ts'
import type { Fence } from '../leader/fence.ts'
import type { Logger } from '../log.ts'
import type { Outcome } from '../outcome.ts'
import type { Clock } from '../time/clock.ts'
import type { ControllerDefinition, Run, RunResult } from './controller.ts'
import type { EventRecorder } from './events.ts'
import type { ObjectWrites } from './object-writes.ts'
import { readinessOf, resultOfFailure, writeReadiness } from './readiness.ts'

/** What the queue does with the key after a run: nothing was concluded, it failed, or its failures are forgotten. */
export type NextRun = { kind: 'none' } | { kind: 'retry' } | { kind: 'again' } | { kind: 'rest'; afterMs?: number }

export interface ObjectRunsDeps<T extends KubeObject> {
  /** Fenced. */
  client: KubeClient
  fence: Fence
  events: Pick<EventRecorder, 'record'>
  log: Logger
  clock: Clock
  writes: ObjectWrites<T>
  /** In the cache. */
  find: (key: ObjectKey) => T | undefined
  isHeld: () => boolean
  /** Failed runs in a row. */
  failures: (key: ObjectKey) => number
  /** For metrics: how a run ended. */
  onResult: (result: string, why?: Why) => void
}

/** A line when it has become ready or waits for something else, so that one change can be followed through all logs. */
function logReadiness(run: Pick<Run, 'log'>, before: KubeObject, after: KubeObject): void {
  const [was, is] = [before, after].map(({ status }) =>
    findCondition((status as CommonStatus | undefined)?.conditions, 'Ready'),
  )
  if (
    !is ||
    (was?.status === is.status && was.reason === is.reason && was.observedGeneration === is.observedGeneration)
  )
    return
  run.log.info({ reason: is.reason, why: is.message }, is.status === 'True' ? 'ready' : 'not ready')
}

/** What a run waits for, or failed with. */
export interface Why {
  reason: string
  isFailure: boolean
}

const NONE: NextRun = { kind: 'none' }
const REST: NextRun = { kind: 'rest' }

/** One run of one object: finalizer, private copy, reconcile, conditions, at most one status write, and what comes next by the outcome. */
export class ObjectRuns<T extends KubeObject> {
  readonly #definition: ControllerDefinition<T>
  readonly #deps: ObjectRunsDeps<T>

  constructor(definition: ControllerDefinition<T>, deps: ObjectRunsDeps<T>) {
    this.#definition = definition
    this.#deps = deps
  }

  /** @throws when the loop's own requests failed, or the run's did in a way that says nothing about the object */
  async run(key: ObjectKey): Promise<NextRun> {
    const { fence, clock, writes, find, isHeld, onResult } = this.#deps
    if (fence.signal.aborted || isHeld()) return NONE
    const found = find(key)
    // From the cache and not from the answer: the cache keeps the projection.
    const cached = found && (await writes.ensureFinalizer(found)) ? find(key) : found
    if (!cached || writes.isLetGo(cached)) return NONE
    const object = cloneJson(cached)
    const now = clock.now()
    const run = this.#toRun(key, object, now)
    const result = await this.#reconcile(object, run)
    // Held meanwhile: what the run concluded may be wrong.
    if (!result || isHeld()) return NONE
    onResult(result.kind === 'outcome' ? result.outcome.kind : result.kind, whyOf(result))

    if (result.kind === 'outcome' && result.outcome.kind === 'released' && this.#definition.finalizer) {
      await writes.removeFinalizer(object)
      return REST
    }
    if (this.#definition.conditions !== 'none') {
      const readiness = this.#definition.readiness?.(object, result) ?? readinessOf(object, result)
      writeReadiness(object, readiness, now)
    }
    const wrote = await writes.writeStatus(key, { before: cached, object }, result)
    if (wrote) logReadiness(run, cached, object)
    return this.#next(key, result, wrote)
  }

  /** Undefined when the run was cut short: nothing may be concluded from it. */
  async #reconcile(object: T, run: Run): Promise<RunResult | undefined> {
    try {
      return { kind: 'outcome', outcome: await this.#definition.reconcile(object, run) }
    } catch (error) {
      if (this.#deps.fence.signal.aborted) return undefined
      // Users are not told of these: they say nothing about the object, and the next run will know more.
      if (isConflict(error) || isAlreadyExists(error) || isUnreachable(error) || error instanceof StaleWriterError)
        throw error
      const result = resultOfFailure(this.#definition, object, error, run.failures + 1)
      if (result.kind === 'terminal')
        run.log.info({ reason: result.reason, err: error }, 'gave up until the spec changes')
      else if (isNamespaceTerminating(error)) run.log.debug({ err: error }, 'namespace is being deleted')
      else if (isWorthWarning(run.failures + 1)) run.log.warn({ err: error, failures: run.failures + 1 }, 'run failed')
      return result
    }
  }

  #next(key: ObjectKey, result: RunResult, wrote: boolean): NextRun {
    switch (result.kind) {
      case 'terminal':
        return REST
      case 'transient':
        return { kind: 'retry' }
      case 'outcome':
        return this.#afterOutcome(key, result.outcome, wrote)
    }
  }

  #afterOutcome(key: ObjectKey, outcome: Outcome, wrote: boolean): NextRun {
    if (outcome.kind === 'saved' && !wrote) {
      this.#deps.log.error({ ...refOfKey(key) }, 'saved without a change of status')
      return { kind: 'retry' }
    }
    if (outcome.kind === 'saved') return { kind: 'again' }
    if ('retryAfterMs' in outcome && outcome.retryAfterMs !== undefined)
      return { kind: 'rest', afterMs: outcome.retryAfterMs }
    return REST
  }

  #toRun(key: ObjectKey, object: T, now: Date): Run {
    const { client, fence, events, log, failures } = this.#deps
    const { namespace, name, generation, uid } = object.metadata
    let own: Logger | undefined
    return {
      key,
      client,
      // Most runs log nothing.
      get log() {
        return (own ??= log.child({
          namespace,
          name,
          change: changeOf({ uid, generation }),
          reconcileId: randomUUID().slice(0, 8),
        }))
      },
      signal: fence.signal,
      failures: failures(key),
      now,
      term: fence.term,
      event: (event) => events.record(this.#definition.kind, object, event),
    }
  }
}

function whyOf(result: RunResult): Why | undefined {
  if (result.kind !== 'outcome') return { reason: result.reason, isFailure: true }
  return result.outcome.kind === 'wait' ? { reason: result.outcome.reason, isFailure: false } : undefined
}

/** Of failures in a row the first, second, fourth, eighth and so on: more would fill the log. */
export function isWorthWarning(failures: number): boolean {
  return (failures & (failures - 1)) === 0
}
