// SPDX-License-Identifier: Apache-2.0
// How long machines take from the request that makes them to ACTIVE, and from the one that deletes them to being gone, by one watch.
import { INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { keyOfObject, keyOfRef, type ObjectRef } from '../../lib/kube/object.ts'
import { until } from '../../lib/time/until.ts'

const IDLE_MS = 600_000

export class Lives {
  /** Seconds, in the order in which they came about. */
  readonly created: number[] = []
  readonly deleted: number[] = []
  readonly #asked = { create: new Map<string, number>(), delete: new Map<string, number>() }
  readonly #stop = new AbortController()

  private constructor() {}

  static async watch(client: KubeClient): Promise<Lives> {
    const lives = new Lives()
    const { metadata } = await client.listPage(INSTANCE, { limit: 1 })
    lives.#follow(client, metadata.resourceVersion ?? '').catch((error: unknown) => {
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

  async #follow(client: KubeClient, resourceVersion: string): Promise<void> {
    const { signal } = this.#stop
    const options = { resourceVersion, timeoutSeconds: 7200, idleTimeoutMs: IDLE_MS, signal }
    for await (const event of client.watch<Instance>(INSTANCE, options)) {
      if (event.type === 'DELETED') this.#take('delete', event.object, this.deleted)
      else if (event.type === 'MODIFIED' && event.object.status?.state === 'ACTIVE')
        this.#take('create', event.object, this.created)
    }
  }

  #take(what: 'create' | 'delete', object: Instance, into: number[]): void {
    const key = keyOfObject(object)
    const askedAt = this.#asked[what].get(key)
    if (askedAt === undefined || !this.#asked[what].delete(key)) return
    into.push((performance.now() - askedAt) / 1000)
  }
}
