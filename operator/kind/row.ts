// SPDX-License-Identifier: Apache-2.0
// What the operator has to know of a kind before any controller runs. The rows stand in operator/controllers/<kind>/kind.ts, the list of
// them in operator/kinds.ts. Nothing here knows what controllers share (OperatorDeps), so that the types need each other in no circle.
import { CUSTOM_KINDS_BY_NAME, NODE } from '../../lib/api/kinds.ts'
import type { CustomObjects, KubeNode } from '../../lib/api/types.ts'
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { Cache, Indexes } from '../../lib/informer/cache.ts'
import type { Informer } from '../../lib/informer/informer.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'

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
 * That objects of one kind name objects of another. From it come an index of its name (the users of a target), who is woken (users by
 * their target; a target that is being deleted by its users), what holds up a deletion, and the checks and messages of `resolve`.
 */
export interface Reference<User extends KubeObject, To extends KindName = KindName> {
  readonly to: To
  refs(user: User): readonly NamedRef[]
  /** Whether the user keeps a target that is being deleted; others are refused it. Default: no. */
  isKept?(user: User, target: Kinds[To]): boolean
  /** Whether the user may go on with a target that is no longer shared with its namespace: it cannot name another. Default: no. */
  isGranted?(user: User, target: Kinds[To]): boolean
  /** Whether the target's deletion waits for this user. Left out: no user holds it, or its reconciler decides by more than the user. */
  holds?(user: User): boolean
}

// References of different targets stand side by side in one row.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyReference<User extends KubeObject> = Reference<User, any>

/** All of it is pure: functions of the object alone. */
export interface KindRow<T extends KubeObject> {
  readonly references?: Readonly<Record<string, AnyReference<T>>>
  /** Beside those that references have. */
  readonly indexes?: Indexes<T>
  /** What of the object is kept in memory; default: all of it. */
  readonly project?: (object: T) => T
  /** As what nodes hold something of it. */
  readonly document?: DocumentKind
}
