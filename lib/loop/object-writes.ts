// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '../kube/client.ts'
import { isNotFound } from '../kube/errors.ts'
import { keyOfObject, refOfKey, type KubeObject, type ObjectKey } from '../kube/object.ts'
import type { Logger } from '../log.ts'
import type { Clock } from '../time/clock.ts'
import type { ControllerDefinition, RunResult } from './controller.ts'
import { OwnWrites } from './own-writes.ts'
import { sameJson } from './same-json.ts'
import { Settling } from './settling.ts'

export interface ObjectWritesDeps {
  /** Fenced. */
  client: KubeClient
  log: Logger
  clock: Clock
  enqueue: (key: ObjectKey, afterMs?: number) => void
}

/** What the loop itself writes to its objects: adding and removing the finalizer, and the status. None of it wakes the loop. */
export class ObjectWrites<T extends KubeObject> {
  readonly #definition: Pick<ControllerDefinition<T>, 'kind' | 'finalizer'>
  readonly #deps: ObjectWritesDeps
  readonly #settling: Settling
  readonly #own = new OwnWrites()

  constructor(definition: Pick<ControllerDefinition<T>, 'kind' | 'finalizer' | 'settleMs'>, deps: ObjectWritesDeps) {
    this.#definition = definition
    this.#deps = deps
    this.#settling = new Settling(definition.settleMs ?? 1000)
  }

  /** Whether a change is one of these writes, and so needs no run. */
  isOwn(key: ObjectKey, version: string): boolean {
    return this.#own.isOwn(key, version)
  }

  forget(key: ObjectKey): void {
    this.#settling.clear(key)
    this.#own.forget(key)
  }

  /** Is it being deleted without our finalizer, so that nothing is left to do for it? */
  isLetGo({ metadata }: T): boolean {
    const { finalizer } = this.#definition
    if (finalizer === undefined || metadata.deletionTimestamp === undefined) return false
    return !(metadata.finalizers ?? []).includes(finalizer)
  }

  /** @returns whether it was written */
  async ensureFinalizer(object: T): Promise<boolean> {
    const { finalizer, kind } = this.#definition
    const { finalizers = [], deletionTimestamp } = object.metadata
    if (finalizer === undefined || finalizers.includes(finalizer) || deletionTimestamp !== undefined) return false
    const write = () => this.#deps.client.patchFinalizers<T>(kind, object, [...finalizers, finalizer])
    await this.#own.during(keyOfObject(object), write, this.#deps.enqueue)
    return true
  }

  async removeFinalizer(object: T): Promise<void> {
    const { finalizer, kind } = this.#definition
    const rest = (object.metadata.finalizers ?? []).filter((f) => f !== finalizer)
    try {
      await this.#deps.client.patchFinalizers<T>(kind, object, rest)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  /** @returns whether it was written: not when nothing changed, and not while it waits at a stage that may be over in a moment */
  async writeStatus(key: ObjectKey, { before, object }: { before: T; object: T }, result: RunResult): Promise<boolean> {
    const { client, clock, enqueue, log } = this.#deps
    if (sameJson(before.status, object.status)) {
      this.#settling.clear(key)
      return false
    }
    const stage = stageOf(result)
    const holdMs = stage === undefined ? 0 : this.#settling.holdMs(key, stage, clock.nowMs())
    if (holdMs > 0) {
      enqueue(key, holdMs)
      return false
    }
    this.#settling.clear(key)
    const write = () => client.updateStatus<T>(this.#definition.kind, object)
    const written = await this.#own.during(key, write, enqueue)
    if (!sameJson(written.status, object.status)) {
      log.error(
        { ...refOfKey(key) },
        'the schema does not keep all of the status: it would be written again by every run',
      )
    }
    return true
  }
}

/** The stage whose status is held back for a moment, named by what it waits for; undefined: written at once. */
export function stageOf(result: RunResult): string | undefined {
  if (result.kind === 'transient') return `transient ${result.reason}`
  if (result.kind === 'outcome' && result.outcome.kind === 'wait') return `wait ${result.outcome.reason}`
  return undefined
}
