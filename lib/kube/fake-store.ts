// SPDX-License-Identifier: Apache-2.0
// The fake apiserver's memory: versions, finalizers, generations and the history that watches read.
import { randomUUID } from 'node:crypto'
import { keyOfObject, type KubeObject, type ObjectMeta } from './object.ts'

export class FakeRefusal extends Error {
  readonly code: number
  readonly reason: string
  constructor(code: number, reason: string) {
    super(`fake: ${reason}`)
    this.code = code
    this.reason = reason
  }
}

export interface FakeEvent {
  collection: string
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  version: number
  object: KubeObject
}

/** Objects by collection (`/apis/group/version/plural`), as an apiserver keeps custom resources with a status subresource. */
export class FakeStore {
  version = 1000
  /** Older versions are forgotten: watches from there get 410. */
  compactedTo = 0
  readonly history: FakeEvent[] = []
  readonly #collections = new Map<string, Map<string, KubeObject>>()
  readonly #listeners = new Set<(event: FakeEvent) => void>()

  onEvent(listener: (event: FakeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  collection(path: string): Map<string, KubeObject> {
    let collection = this.#collections.get(path)
    if (!collection) this.#collections.set(path, (collection = new Map<string, KubeObject>()))
    return collection
  }

  get(collection: string, key: string): KubeObject {
    const object = this.collection(collection).get(key)
    if (!object) throw new FakeRefusal(404, 'NotFound')
    return object
  }

  create(collection: string, given: KubeObject): KubeObject {
    const key = keyOfObject(given)
    if (this.collection(collection).has(key)) throw new FakeRefusal(409, 'AlreadyExists')
    const rest = structuredClone(given)
    delete rest.status
    const times = { creationTimestamp: new Date(0).toISOString(), generation: 1 }
    const object = { ...rest, metadata: { ...given.metadata, ...times, uid: randomUUID() } as ObjectMeta }
    return this.#store(collection, 'ADDED', object)
  }

  /** PUT or a merged patch: status only by its subresource, the rest only without. */
  update(collection: string, given: KubeObject, subresource: boolean): KubeObject {
    const old = this.get(collection, keyOfObject(given))
    const { resourceVersion, uid } = given.metadata
    const stale = resourceVersion && resourceVersion !== old.metadata.resourceVersion
    if (stale || (uid && uid !== old.metadata.uid)) throw new FakeRefusal(409, 'Conflict')
    const object = subresource ? { ...old, status: given.status } : { ...given, status: old.status }
    const specChanged = !subresource && JSON.stringify(old.spec) !== JSON.stringify(given.spec)
    const { uid: sameUid, creationTimestamp, deletionTimestamp } = old.metadata
    object.metadata = {
      ...(subresource ? old.metadata : given.metadata),
      uid: sameUid,
      generation: (old.metadata.generation ?? 1) + (specChanged ? 1 : 0),
      ...(creationTimestamp ? { creationTimestamp } : {}),
      ...(deletionTimestamp ? { deletionTimestamp } : {}),
    }
    const over = object.metadata.deletionTimestamp !== undefined && !object.metadata.finalizers?.length
    return this.#store(collection, over ? 'DELETED' : 'MODIFIED', object)
  }

  delete(collection: string, key: string): KubeObject {
    const old = this.get(collection, key)
    if (old.metadata.deletionTimestamp) return old
    if (!old.metadata.finalizers?.length) return this.#store(collection, 'DELETED', old)
    const metadata = { ...old.metadata, deletionTimestamp: new Date().toISOString() }
    return this.#store(collection, 'MODIFIED', { ...old, metadata })
  }

  #store(collection: string, type: FakeEvent['type'], given: KubeObject): KubeObject {
    this.version++
    const metadata = { ...given.metadata, resourceVersion: String(this.version) }
    const object = structuredClone({ ...given, metadata })
    const key = keyOfObject(object)
    if (type === 'DELETED') this.collection(collection).delete(key)
    else this.collection(collection).set(key, object)
    const event: FakeEvent = { collection, type, version: this.version, object }
    this.history.push(event)
    for (const listener of this.#listeners) listener(event)
    return object
  }
}
