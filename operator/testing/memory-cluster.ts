// SPDX-License-Identifier: Apache-2.0
import { SECRET } from '../../lib/api/kinds.ts'
import { KIND_NAMES } from '../kinds.ts'
import { findCondition } from '../../lib/conditions.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import {
  keyOfRef,
  type CommonStatus,
  type KubeObject,
  type ObjectRef,
  type ResourceKind,
} from '../../lib/kube/object.ts'
import { resourceKindOf, type Caches, type OperatorInformers } from '../kind/row.ts'
import { memoryWorld, type MemoryWorld } from './memory-deps.ts'
import type { WatchedStore } from './watched-store.ts'

export type CacheName = keyof Caches

/** Objects as an apiserver keeps them (versions, generations, finalizers), in the caches of a world in memory. */
export class MemoryCluster {
  readonly world: MemoryWorld = memoryWorld()
  #version = 1_000_000
  #uids = 0

  /** @param before what it takes over from */
  constructor(before?: MemoryCluster) {
    Object.assign(this.world.run.client, this.#client())
    if (!before) return
    this.#version = before.#version
    this.#uids = before.#uids
    for (const [name, store] of Object.entries(before.world.stores))
      for (const object of store.list()) this.world.stores[name as CacheName].put(structuredClone(object), true)
  }

  /** @param more further metadata */
  create(cache: CacheName, ref: ObjectRef, spec: object, more: object = {}): KubeObject {
    const n = ++this.#uids
    const uid = `${cache}-${n}`.toLowerCase()
    const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString().replace('.000Z', 'Z')
    const { name, namespace } = ref
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }), generation: 1, creationTimestamp }
    const object = { metadata: { ...metadata, uid, resourceVersion: '', ...more }, spec } as KubeObject
    this.store(cache, object)
    return object
  }

  /** Changes the spec and raises the generation. */
  change(cache: CacheName, ref: ObjectRef, change: (spec: Record<string, unknown>) => void): void {
    const object = structuredClone(this.get(cache, ref))
    change(object.spec as Record<string, unknown>)
    object.metadata.generation = (object.metadata.generation ?? 1) + 1
    this.store(cache, object)
  }

  remove(cache: CacheName, ref: ObjectRef): void {
    const object = structuredClone(this.get(cache, ref))
    if ((object.metadata.finalizers ?? []).length === 0)
      this.world.stores[cache].remove(keyOfRef(ref), object.metadata.uid)
    else if (object.metadata.deletionTimestamp === undefined) {
      object.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
      this.store(cache, object)
    }
  }

  /** The last finalizer takes an object that is being deleted with it. */
  setFinalizers(cache: CacheName, key: string, finalizers: string[]): void {
    const object = this.world.stores[cache].findByKey(key)
    if (!object) return
    if (finalizers.length === 0 && object.metadata.deletionTimestamp !== undefined)
      this.world.stores[cache].remove(key, object.metadata.uid)
    else this.store(cache, { ...object, metadata: { ...object.metadata, finalizers } })
  }

  store(cache: CacheName, object: KubeObject): void {
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) }
    this.world.stores[cache].put(structuredClone({ ...object, metadata }))
  }

  find(cache: CacheName, { namespace, name }: ObjectRef): KubeObject | undefined {
    return this.world.stores[cache].find(namespace, name)
  }

  get(cache: CacheName, ref: ObjectRef): KubeObject {
    const object = this.find(cache, ref)
    if (!object) throw new Error(`there is no ${cache} ${ref.name}`)
    return object
  }

  /** Why the object is not ready: `gone` if there is none, `Ready` if it is ready. @param type another condition; `none` if it is absent */
  reason(cache: CacheName, ref: ObjectRef, type = 'Ready'): string {
    const object = this.find(cache, ref)
    if (!object) return 'gone'
    const ready = findCondition((object.status as CommonStatus | undefined)?.conditions, type)
    return ready === undefined ? 'none' : ready.reason
  }

  informers(): OperatorInformers {
    const entries = Object.entries(this.world.stores) as [CacheName, WatchedStore][]
    return Object.fromEntries(
      entries.map(([name, store]) => [name, store.asInformer(resourceKindOf(name))]),
    ) as unknown as OperatorInformers
  }

  cacheOf(kind: ResourceKind): CacheName {
    const found = KIND_NAMES.find((name) => resourceKindOf(name) === kind)
    if (!found) throw new Error(`${kind.kind} is not among the caches`)
    return found
  }

  #client(): Partial<KubeClient> {
    const client = {
      create: async (kind: ResourceKind, object: KubeObject) => {
        // Written, and never read again: it is in no cache.
        if (kind === SECRET) return object
        const cache = this.cacheOf(kind)
        const { name, namespace, ...more } = object.metadata
        const ref = { name, ...(namespace === undefined ? {} : { namespace }) }
        if (this.find(cache, ref)) throw new ApiError('create', 409, { reason: 'AlreadyExists' })
        this.create(cache, ref, object.spec as object, more)
        return this.get(cache, ref)
      },
      remove: async (kind: ResourceKind, ref: ObjectRef) => {
        if (this.find(this.cacheOf(kind), ref)) this.remove(this.cacheOf(kind), ref)
      },
      update: async (kind: ResourceKind, object: KubeObject) => this.#replace(kind, object, object),
      updateStatus: async (kind: ResourceKind, object: KubeObject) => {
        const held = this.get(this.cacheOf(kind), object.metadata)
        return this.#replace(kind, object, { ...held, status: object.status })
      },
    }
    return client as unknown as Partial<KubeClient>
  }

  #replace(kind: ResourceKind, { metadata }: KubeObject, object: KubeObject): KubeObject {
    const cache = this.cacheOf(kind)
    if (this.get(cache, metadata).metadata.resourceVersion !== metadata.resourceVersion)
      throw new ApiError('update', 409, { reason: 'Conflict' })
    this.store(cache, object)
    return this.get(cache, metadata)
  }
}
