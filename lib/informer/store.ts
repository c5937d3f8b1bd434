// SPDX-License-Identifier: Apache-2.0
import { keyOfObject, keyOfRef, type KubeObject, type ObjectKey } from '../kube/object.ts'
import { Multimap } from '../multimap.ts'
import type { Cache, Indexes } from './cache.ts'
import { isLaterVersion } from './resource-version.ts'

export interface Change<T> {
  old: T | undefined
  object: T | undefined
}

/** The cache of one informer: a map by key with a map by uid and the declared indexes; every change is O(1) in the number of objects. */
export class ObjectStore<T extends KubeObject> implements Cache<T> {
  readonly #objects = new Map<ObjectKey, T>()
  readonly #keyByUid = new Map<string, ObjectKey>()
  readonly #indexes = new Map<string, { valuesOf: (object: T) => readonly string[]; keys: Multimap }>()

  constructor(indexes: Indexes<T> = {}) {
    this.addIndexes(indexes)
  }

  addIndexes(indexes: Indexes<T>): void {
    for (const [name, valuesOf] of Object.entries(indexes)) {
      if (this.#indexes.has(name)) throw new Error(`index ${name} is declared twice`)
      const index = { valuesOf, keys: new Multimap() }
      this.#indexes.set(name, index)
      for (const [key, object] of this.#objects) for (const value of valuesOf(object)) index.keys.add(value, key)
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
    const found: T[] = []
    for (const key of this.#index(index).keys.each(value)) {
      const object = this.#objects.get(key)
      if (object) found.push(object)
    }
    return found
  }

  countBy(index: string, value: string): number {
    return this.#index(index).keys.count(value)
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
    for (const { valuesOf, keys } of this.#indexes.values()) {
      const values = valuesOf(object)
      // Values that stay are not removed and added again: each removal would leave a hole in the chains of a large Map.
      for (const value of old ? valuesOf(old) : []) if (!values.includes(value)) keys.delete(value, key)
      for (const value of values) keys.add(value, key)
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
    for (const { valuesOf, keys } of this.#indexes.values()) for (const value of valuesOf(old)) keys.delete(value, key)
  }

  #index(name: string): { keys: Multimap } {
    const index = this.#indexes.get(name)
    if (!index) throw new Error(`no index ${name}: declare it with the informer`)
    return index
  }
}
