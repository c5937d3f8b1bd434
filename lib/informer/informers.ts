// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '../kube/client.ts'
import type { KubeObject, ResourceKind } from '../kube/object.ts'
import { systemClock } from '../time/clock.ts'
import type { Informer, InformerOptions } from './informer.ts'
import { Interner } from './intern.ts'
import { ListWatch, type ListWatchDeps } from './list-watch.ts'
import { observingClient } from './observing-client.ts'

export type InformersDeps = Omit<ListWatchDeps, 'interner' | 'clock'> & Partial<Pick<ListWatchDeps, 'clock'>>

/** One informer per kind (and selection) for the whole process. Ask for all of them, then `start`. */
export class Informers {
  readonly #deps: ListWatchDeps
  readonly #informers = new Map<string, { informer: ListWatch<KubeObject>; selected: boolean }>()
  #signal: AbortSignal | undefined

  constructor(deps: InformersDeps) {
    this.#deps = { clock: systemClock, ...deps, interner: new Interner() }
  }

  /** The informer of the kind; made at the first call. Later calls may add indexes, and a projection if there is none yet. */
  of<T extends KubeObject>(kind: ResourceKind, options: InformerOptions<T> = {}): Informer<T> {
    const { namespace, labelSelector, fieldSelector } = options
    const id = JSON.stringify([kind.group, kind.plural, namespace, labelSelector, fieldSelector])
    const known = this.#informers.get(id)?.informer as ListWatch<T> | undefined
    if (known) {
      if (options.indexes) known.cache.addIndexes(options.indexes)
      if (options.project) known.setProject(options.project)
      return known
    }
    const informer = new ListWatch<T>(kind, options, this.#deps)
    const selected = [namespace, labelSelector, fieldSelector].some((s) => s !== undefined)
    this.#informers.set(id, { informer: informer as unknown as ListWatch<KubeObject>, selected })
    if (this.#signal) void informer.run(this.#signal)
    return informer
  }

  /** Runs all informers until the signal aborts; resolves once each has its first list. */
  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    const all = [...this.#informers.values()]
    for (const { informer } of all) void informer.run(signal)
    await Promise.all(all.map(({ informer }) => informer.whenSynced(signal)))
  }

  /**
   * Resolves when no cache predates an outage of the apiserver: etcd may have been restored meanwhile, and the cache would still hold
   * objects that no longer exist. Rejects when the signal aborts first.
   */
  async whenCertain(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const aborted = Promise.withResolvers<never>()
    const onAbort = (): void => aborted.reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort)
    try {
      const all = [...this.#informers.values()].map(({ informer }) => informer.whenCertain())
      await Promise.race([Promise.all(all), aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** The kinds without a complete list yet, for /readyz. */
  unsynced(): string[] {
    return [...this.#informers.values()]
      .filter(({ informer }) => !informer.synced)
      .map(({ informer }) => informer.kind.plural)
  }

  sizes(): { resource: string; size: number }[] {
    return [...this.#informers.values()].map(({ informer }) => ({
      resource: informer.kind.plural,
      size: informer.cache.size,
    }))
  }

  /** How long nothing was heard of each watch. */
  silences(): { resource: string; ageMs: number }[] {
    return [...this.#informers.values()].map(({ informer }) => ({
      resource: informer.kind.plural,
      ageMs: informer.silentMs,
    }))
  }

  /** The client, with its writes shown to the caches at once: the next run finds what was created. */
  observing(client: KubeClient): KubeClient {
    return observingClient(client, (kind, object) => this.observe(kind, object))
  }

  /** An object as a write returned it. */
  observe(kind: ResourceKind, object: KubeObject): void {
    for (const { informer, selected } of this.#informers.values()) {
      // Only the server can tell whether an informer with a selector would get it.
      if (!selected && informer.kind.plural === kind.plural && informer.kind.group === kind.group)
        informer.observe(object)
    }
  }
}
