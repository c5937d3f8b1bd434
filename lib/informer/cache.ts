// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, ObjectKey } from '../kube/object.ts'

/**
 * What an informer knows of one kind. Objects are shared: read them, never change them (the loop gives reconcilers a private copy
 * of their own object). Lookups are by hash; `list` walks all objects, so use an index where there may be many.
 * Own writes are visible at once: the response to a write is put into the cache before the watch delivers it.
 */
export interface Cache<T extends KubeObject = KubeObject> {
  find(namespace: string | undefined, name: string): T | undefined
  findByKey(key: ObjectKey): T | undefined
  findByUid(uid: string): T | undefined
  /** Objects for which the index function gave `value`. Throws for an index that was not declared with the informer. */
  listBy(index: string, value: string): T[]
  /** Like listBy, without a list: whether and how many. */
  countBy(index: string, value: string): number
  list(): T[]
  keys(): IterableIterator<ObjectKey>
  readonly size: number
}

/** The values that an object is found under; called once per change, on the projected object. */
export type IndexFunction<T> = (object: T) => readonly string[]
export type Indexes<T> = Readonly<Record<string, IndexFunction<T>>>
