// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, ResourceKind } from '../kube/object.ts'
import type { Cache, Indexes } from './cache.ts'

export interface InformerOptions<T extends KubeObject> {
  /** Absent: all namespaces. */
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
  indexes?: Indexes<T>
  /**
   * Keeps only what is used, to save memory; managedFields and kubectl's last-applied annotation have been removed already. May change its
   * argument: set what is not needed to undefined (`delete` makes a V8 object ten times larger). For a kind whose status a controller
   * writes it must keep the whole status.
   */
  project?: (object: T) => T
}

/** @param old what the cache had before; absent for a new object. @param object absent when it is gone. */
export type ChangeHandler<T> = (change: { old: T | undefined; object: T | undefined }) => void

/** One list-and-watch and its cache. Get it from `Informers.of`; it runs once `Informers.start` was called. */
export interface Informer<T extends KubeObject = KubeObject> {
  readonly kind: ResourceKind
  readonly cache: Cache<T>
  /** True after the first complete list. */
  readonly synced: boolean
  /** Resolves after the first complete list; rejects when the signal aborts first. */
  whenSynced(signal?: AbortSignal): Promise<void>
  /** Called synchronously after the cache changed; must not throw. Objects already there are announced at once. */
  onChange(handler: ChangeHandler<T>): () => void
}
