// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, ObjectRef, ResourceKind } from './object.ts'

export interface RequestOptions {
  signal?: AbortSignal | undefined
  /** Default 30 s; a list page 60 s. */
  timeoutMs?: number
  /** Called right before the request leaves; what it throws ends the request (lib/leader/fence.ts). */
  beforeSend?: () => void
}

export interface ListOptions extends RequestOptions {
  /** Absent: all namespaces. */
  namespace?: string
  labelSelector?: string
  /** Only selectable fields of the kind, metadata.name and metadata.namespace. */
  fieldSelector?: string
}

export interface PageOptions extends ListOptions {
  /** Items a page, 250 by default. */
  limit?: number
  /** From the previous page. */
  continue?: string
  /** Absent: the newest state (a quorum read); `0`: whatever the apiserver has cached. */
  resourceVersion?: string
  /** The state as it was at exactly this version, of whatever kind that is from; refused as expired once the store has compacted it. */
  isExactly?: boolean
  /** Told the next page's token before this one's objects are parsed, where it can be: the server encodes the one meanwhile. */
  onContinue?: (token: string) => void
}

export interface KubeList<T> {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number }
  items: T[]
}

export interface WatchOptions extends ListOptions {
  /** Events after this version; only ever one from a list, a bookmark or an event. */
  resourceVersion: string
  /** The server ends the watch after this long. */
  timeoutSeconds: number
  /** The client ends it when nothing arrives for this long (a half-open connection). */
  idleTimeoutMs: number
}

export type WatchEvent<T> =
  { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T } | { type: 'BOOKMARK'; resourceVersion: string }

export interface DeleteOptions extends RequestOptions {
  /** Refused with a conflict when the object is another by now. Always give the uid when you know it. */
  preconditions?: { uid?: string; resourceVersion?: string }
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
}

/** A new object has no uid or resourceVersion yet. */
export type NewObject<T extends KubeObject> = Omit<T, 'metadata' | 'status'> & {
  metadata: Omit<T['metadata'], 'uid' | 'resourceVersion'>
}

/**
 * All methods throw ApiError when the apiserver refuses and UnreachableError when it does not answer (lib/kube/errors.ts classifies);
 * objects come back as the apiserver has them, without managedFields.
 */
export interface KubeReader {
  /** @throws ApiError, isNotFound */
  get<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, options?: RequestOptions): Promise<T>
  /** Like get, but undefined when there is none. */
  find<T extends KubeObject>(kind: ResourceKind, ref: ObjectRef, options?: RequestOptions): Promise<T | undefined>
  /** One page. */
  listPage<T extends KubeObject>(kind: ResourceKind, options?: PageOptions): Promise<KubeList<T>>
  /** All pages, collected; for small sets and tests. The loop reads from its caches. */
  list<T extends KubeObject>(kind: ResourceKind, options?: ListOptions): Promise<T[]>
  /** Ends when the server ends it; throws ApiError (isExpired: list again) or UnreachableError. */
  watch<T extends KubeObject>(kind: ResourceKind, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void>
}

export interface KubeWriter {
  /** @throws ApiError, isAlreadyExists */
  create<T extends KubeObject>(kind: ResourceKind, object: NewObject<T>, options?: RequestOptions): Promise<T>
  /** PUT of everything but status; refused with a conflict unless metadata.resourceVersion is the newest. */
  update<T extends KubeObject>(kind: ResourceKind, object: T, options?: RequestOptions): Promise<T>
  /**
   * PUT of the status subresource. Carries the resourceVersion that the status was computed from, so that a stale writer gets a
   * conflict (docs/architecture.md, invariant 6). Only name, uid, resourceVersion and status are sent: the object may be a projection.
   */
  updateStatus<T extends KubeObject>(kind: ResourceKind, object: T, options?: RequestOptions): Promise<T>
  /** JSON merge patch (RFC 7386). Put metadata.resourceVersion into it when it replaces a list. */
  mergePatch<T extends KubeObject>(
    kind: ResourceKind,
    ref: ObjectRef,
    patch: object,
    options?: RequestOptions,
  ): Promise<T>
  /** Sets exactly these finalizers; refused with a conflict when the object changed since it was read. */
  patchFinalizers<T extends KubeObject>(
    kind: ResourceKind,
    object: T,
    finalizers: readonly string[],
    options?: RequestOptions,
  ): Promise<T>
  /** Server-side apply with field manager `nephele` and force: only for objects that the operator creates and owns. */
  apply<T extends KubeObject>(kind: ResourceKind, object: NewObject<T>, options?: RequestOptions): Promise<T>
  /** An absent object is success. Resolves once deletion was accepted: finalizers may keep the object for longer. */
  remove(kind: ResourceKind, ref: ObjectRef, options?: DeleteOptions): Promise<void>
}

export interface KubeClient extends KubeReader, KubeWriter {
  /** For subresources and reviews (TokenReview, TokenRequest, SubjectAccessReview): POST of `body` at a path such as
   * `/apis/authentication.k8s.io/v1/tokenreviews`. Writes nothing that outlives the call, so it is not fenced. */
  review<T>(path: string, body: object, options?: RequestOptions): Promise<T>
}

/** The methods that change nothing, for a client that wraps the others. */
export function readsOf(client: KubeClient): KubeReader & Pick<KubeClient, 'review'> {
  return {
    get: (kind, ref, options) => client.get(kind, ref, options),
    find: (kind, ref, options) => client.find(kind, ref, options),
    listPage: (kind, options) => client.listPage(kind, options),
    list: (kind, options) => client.list(kind, options),
    watch: (kind, options) => client.watch(kind, options),
    review: (path, body, options) => client.review(path, body, options),
  }
}
