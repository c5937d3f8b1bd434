// SPDX-License-Identifier: Apache-2.0
// What the operator has to know about a kind before any controller runs. The rows are in operator/controllers/<kind>/kind.ts, the list of
// them in operator/kinds.ts. Nothing here refers to what controllers share (OperatorDeps), which avoids circular types.
import { CUSTOM_KINDS_BY_NAME, NODE } from '../../lib/api/kinds.ts'
import type { CustomObjects, KubeNode } from '../../lib/api/types.ts'
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { Cache, Indexes } from '../../lib/informer/cache.ts'
import type { Informer } from '../../lib/informer/informer.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import type { QuotaUse } from '../quota/quota-use.ts'

/** Every kind that the operator reads, by its name: that of its cache, its informer and its controller. */
export interface Kinds extends CustomObjects {
  nodes: KubeNode
}
export type KindName = keyof Kinds

export type Caches = { readonly [K in KindName]: Cache<Kinds[K]> }
export type OperatorInformers = { readonly [K in KindName]: Informer<Kinds[K]> }

const RESOURCE_KINDS: Readonly<Record<KindName, ResourceKind>> = { ...CUSTOM_KINDS_BY_NAME, nodes: NODE }

/** Where the kind lives in the API. */
export function resourceKindOf(name: KindName): ResourceKind {
  return RESOURCE_KINDS[name]
}

/** For code that treats all kinds alike. */
export function informerOf(name: KindName, informers: OperatorInformers): Informer {
  return informers[name]
}

/** For code that treats all kinds alike. */
export function cacheOf(name: KindName, caches: Caches): Cache {
  return caches[name]
}

/** What an object names, and the field that names it, such as `spec.networks[2].networkRef`. */
export interface NamedRef {
  readonly ref: ObjectRef
  readonly field: string
}

/**
 * A reference from objects of one kind (users) to objects of another (targets). It yields an index of its name (a target's users), the
 * wake-ups (of users by their target, of a target being deleted by its users), what blocks a deletion, and the checks of `resolve`.
 */
export interface Reference<User extends KubeObject, To extends KindName = KindName> {
  readonly to: To
  refs(user: User): readonly NamedRef[]
  /** Whether the user may keep using a target that is being deleted. Default: no. */
  isKept?(user: User, target: Kinds[To]): boolean
  /** Whether the user may go on with a target that is no longer shared with its namespace: it cannot name another. Default: no. */
  isGranted?(user: User, target: Kinds[To]): boolean
  /** Whether the target's deletion waits for this user. Absent: no user blocks it, or the target's reconciler decides by itself. */
  holds?(user: User, target: Kinds[To]): boolean
  /** Whether this change of a target matters to those that name it. Default: each does. Creations and deletions always do. */
  wakes?(old: Kinds[To], target: Kinds[To]): boolean
}

// One row holds references to targets of different kinds.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyReference<User extends KubeObject> = Reference<User, any>

/** All functions here are pure and depend on the object alone. */
export interface KindRow<T extends KubeObject> {
  readonly references?: Readonly<Record<string, AnyReference<T>>>
  /** In addition to those of the references. */
  readonly indexes?: Indexes<T>
  /** What of the object is kept in memory; default: all of it. */
  readonly project?: (object: T) => T
  /** The kind of document by which nodes hold it, if they do. */
  readonly document?: DocumentKind
  /** Another kind of document, of which several nodes may keep one. */
  readonly alsoDocument?: DocumentKind
  /** Does what this node reports change anything for the object? Absent: always. */
  readonly heeds?: (object: T, node: string) => boolean
  /** How it counts in the Quota of its namespace; absent: it does not. */
  readonly quota?: QuotaUse<T>
}
