// SPDX-License-Identifier: Apache-2.0
// How long machines take from the request that makes them to ACTIVE, and from the one that deletes them to being gone, by one watch.
import { INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { keyOfObject, keyOfRef, type ObjectRef } from '../../lib/kube/object.ts'
import { pagesOf } from '../../lib/kube/pages.ts'
import { until } from '../../lib/time/until.ts'

const WATCH_SECONDS = 7200
const IDLE_MS = 3600_000

export class Lives {
  /** Seconds, in the order in which they came about. */
  readonly created: number[] = []
  readonly deleted: number[] = []
  readonly #asked = { create: new Map<string, number>(), delete: new Map<string, number>() }
  readonly #stop = new AbortController()

  private constructor() {}

  static watch(client: KubeClient): Lives {
    const lives = new Lives()
    lives.#follow(client, lives.#stop.signal).catch((error: unknown) => {
      if (!lives.#stop.signal.aborted) console.error('watch ended', error)
    })
    return lives
  }

  /** Called right before the request is sent. */
  asked(what: 'create' | 'delete', machine: ObjectRef): void {
    this.#asked[what].set(keyOfRef(machine), performance.now())
  }

  get pending(): number {
    return this.#asked.create.size + this.#asked.delete.size
  }

  /** @throws when something is under way for so long */
  async untilSettled(timeoutMs: number): Promise<void> {
    await until(
      () => this.pending === 0,
      () => [...this.#asked.create.keys(), ...this.#asked.delete.keys()],
      timeoutMs,
      50,
    )
  }

  close(): void {
    this.#stop.abort()
  }

  /** The apiserver ends a watch that is read too slowly: what it then did not say counts from when it is listed. */
  async #follow(client: KubeClient, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let resourceVersion = ''
      const stored = new Set<string>()
      for await (const page of pagesOf<Instance>(client, INSTANCE, {})) {
        resourceVersion = page.metadata.resourceVersion ?? ''
        for (const instance of page.items) {
          stored.add(keyOfObject(instance))
          if (instance.status?.state === 'ACTIVE') this.#take('create', keyOfObject(instance), this.created)
        }
      }
      for (const key of this.#asked.delete.keys()) if (!stored.has(key)) this.#take('delete', key, this.deleted)
      const options = { resourceVersion, timeoutSeconds: WATCH_SECONDS, idleTimeoutMs: IDLE_MS, signal }
      for await (const event of client.watch<Instance>(INSTANCE, options)) {
        if (event.type === 'BOOKMARK') continue
        const key = keyOfObject(event.object)
        if (event.type === 'DELETED') this.#take('delete', key, this.deleted)
        else if (event.object.status?.state === 'ACTIVE') this.#take('create', key, this.created)
      }
    }
  }

  #take(what: 'create' | 'delete', key: string, into: number[]): void {
    const askedAt = this.#asked[what].get(key)
    if (askedAt === undefined || !this.#asked[what].delete(key)) return
    into.push((performance.now() - askedAt) / 1000)
  }
}
