// SPDX-License-Identifier: Apache-2.0
import { keyOfObject, keyOfRef, type KubeObject, type ObjectKey } from '../kube/object.ts'
import type { Cache, Indexes } from './cache.ts'
import { isLaterVersion } from './resource-version.ts'

export interface Change<T> {
  old: T | undefined
  object: T | undefined
}

/** Most index values have one object, and a Set of one costs ten times as much as its key. */
type Bucket = ObjectKey | Set<ObjectKey>

/** The cache of one informer: a map by key with a map by uid and the declared indexes; every change is O(1) in the number of objects. */
export class ObjectStore<T extends KubeObject> implements Cache<T> {
  readonly #objects = new Map<ObjectKey, T>()
  readonly #keyByUid = new Map<string, ObjectKey>()
  readonly #indexes = new Map<string, { valuesOf: (object: T) => readonly string[]; buckets: Map<string, Bucket> }>()

  constructor(indexes: Indexes<T> = {}) {
    this.addIndexes(indexes)
  }

  addIndexes(indexes: Indexes<T>): void {
    for (const [name, valuesOf] of Object.entries(indexes)) {
      if (this.#indexes.has(name)) throw new Error(`index ${name} is declared twice`)
      const index = { valuesOf, buckets: new Map<string, Bucket>() }
      this.#indexes.set(name, index)
      for (const [key, object] of this.#objects) for (const value of valuesOf(object)) addTo(index.buckets, value, key)
    }
  }

  get size(): number {
    return this.#objects.size
  }

  find(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyOfRef({ namespace, name }))
  }

  findByKey(key: ObjectKey): T | undefined {
    return this.#objects.get(key)
  }

  findByUid(uid: string): T | undefined {
    const key = this.#keyByUid.get(uid)
    return key === undefined ? undefined : this.#objects.get(key)
  }

  listBy(index: string, value: string): T[] {
    const bucket = this.#index(index).buckets.get(value)
    const keys = bucket === undefined ? [] : typeof bucket === 'string' ? [bucket] : bucket
    const found: T[] = []
    for (const key of keys) {
      const object = this.#objects.get(key)
      if (object) found.push(object)
    }
    return found
  }

  countBy(index: string, value: string): number {
    const bucket = this.#index(index).buckets.get(value)
    return bucket === undefined ? 0 : typeof bucket === 'string' ? 1 : bucket.size
  }

  list(): T[] {
    return [...this.#objects.values()]
  }

  keys(): IterableIterator<ObjectKey> {
    return this.#objects.keys()
  }

  /**
   * Puts an object that is newer than what is held. Undefined when it is not: an own write comes back through the watch, and a list that
   * began before an own write brings the older object.
   * @param force takes it whatever its version: the store that we read from went back in time
   */
  put(object: T, force = false): Change<T> | undefined {
    const key = keyOfObject(object)
    const old = this.#objects.get(key)
    if (old && !force && !isLaterVersion(object.metadata.resourceVersion, old.metadata.resourceVersion))
      return undefined
    if (old && old.metadata.uid !== object.metadata.uid) this.#keyByUid.delete(old.metadata.uid)
    this.#objects.set(key, object)
    this.#keyByUid.set(object.metadata.uid, key)
    for (const { valuesOf, buckets } of this.#indexes.values()) {
      const values = valuesOf(object)
      // Values that stay are not removed and added again: each removal would leave a hole in the chains of a large Map.
      for (const value of old ? valuesOf(old) : []) if (!values.includes(value)) removeFrom(buckets, value, key)
      for (const value of values) addTo(buckets, value, key)
    }
    return { old, object }
  }

  /** Undefined when there is none, or when another object (by UID) has taken the name since. */
  remove(key: ObjectKey, uid: string): Change<T> | undefined {
    const old = this.#objects.get(key)
    if (!old || old.metadata.uid !== uid) return undefined
    this.#unlink(key, old)
    this.#objects.delete(key)
    return { old, object: undefined }
  }

  #unlink(key: ObjectKey, old: T): void {
    this.#keyByUid.delete(old.metadata.uid)
    for (const { valuesOf, buckets } of this.#indexes.values())
      for (const value of valuesOf(old)) removeFrom(buckets, value, key)
  }

  #index(name: string): { buckets: Map<string, Bucket> } {
    const index = this.#indexes.get(name)
    if (!index) throw new Error(`no index ${name}: declare it with the informer`)
    return index
  }
}

function addTo(buckets: Map<string, Bucket>, value: string, key: ObjectKey): void {
  const bucket = buckets.get(value)
  if (bucket === undefined) buckets.set(value, key)
  else if (typeof bucket !== 'string') bucket.add(key)
  else if (bucket !== key) buckets.set(value, new Set([bucket, key]))
}

function removeFrom(buckets: Map<string, Bucket>, value: string, key: ObjectKey): void {
  const bucket = buckets.get(value)
  if (bucket === key) buckets.delete(value)
  else if (typeof bucket === 'object' && bucket.delete(key) && bucket.size === 0) buckets.delete(value)
}
