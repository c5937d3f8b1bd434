// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'
import type { Cache } from '../../lib/informer/cache.ts'
import { found, missing, type Found } from './found.ts'
import { keyOf } from './references.ts'
import { waitUntilLetIn } from './wait-until-let-in.ts'
import { resourceKindOf, type Caches, type KindName, type Kinds, type NamedRef, type Reference } from './row.ts'

/** Who else may use an object: named namespaces, or all with `*`; some kinds have `visibility` as well. */
interface Shareable {
  sharedWith?: readonly { namespace: string }[]
  visibility?: string
}

/** Whether objects in `namespace` may refer to this target. */
export function isSharedWith(target: KubeObject, namespace: string): boolean {
  if (target.metadata.namespace === undefined || target.metadata.namespace === namespace) return true
  const spec = (target.spec ?? {}) as Shareable
  if (spec.visibility === 'public') return true
  if (spec.visibility === 'private') return false
  return spec.sharedWith?.some((to) => to.namespace === '*' || to.namespace === namespace) ?? false
}

/** The same for an object without a namespace. */
export function isPublicTo(
  { public: isPublic = true, sharedWith = [] }: Shareable & { public?: boolean },
  namespace: string,
): boolean {
  return isPublic || sharedWith.some((to) => to.namespace === '*' || to.namespace === namespace)
}

/**
 * The object that a reference names, if it may be used: it exists, is shared, was let in by its Quota, and is not being deleted. One message for "does not
 * exist" and "is not yours to use", so that references cannot be used to look into other namespaces.
 * @param named one of `reference.refs(user)`
 */
export function resolve<User extends KubeObject, To extends KindName>(
  reference: Reference<User, To>,
  user: User,
  { ref, field }: NamedRef,
  caches: Pick<Caches, To>,
): Found<Kinds[To]> {
  const { kind, namespaced } = resourceKindOf(reference.to)
  const from = namespaced ? (user.metadata.namespace ?? '') : undefined
  const key = keyOf(ref, from)
  const object = (caches[reference.to] as Cache as Cache<Kinds[To]>).findByKey(key)
  if (!object || !mayUse(reference, user, object)) {
    const isForeign = from !== undefined && ref.namespace !== undefined && ref.namespace !== from
    const why = isForeign
      ? `does not exist or is not shared with namespace ${from} (its spec.sharedWith): create it, or have it shared`
      : 'does not exist: create it'
    return missing(`${kind}NotFound`, `${kind} ${key} in ${field} ${why}, and this goes on by itself`)
  }
  if (object.metadata.deletionTimestamp !== undefined && reference.isKept?.(user, object) !== true) {
    return missing(`${kind}Deleting`, `${kind} ${key} in ${field} is being deleted and accepts no new users`)
  }
  const isKept = reference.isKept?.(user, object) === true
  const waits = isKept ? undefined : waitUntilLetIn(object, { kind, field, from }, caches[reference.to])
  return waits ? { ok: false, outcome: waits } : found(object)
}

/** Whether the target is shared with the user's namespace, or granted to the user all the same. */
export function mayUse<User extends KubeObject, To extends KindName>(
  reference: Reference<User, To>,
  user: User,
  target: Kinds[To],
): boolean {
  const { namespace } = user.metadata
  return namespace === undefined || isSharedWith(target, namespace) || reference.isGranted?.(user, target) === true
}

/** For a reference that has a single field, which must be set. */
export function resolveOnly<User extends KubeObject, To extends KindName>(
  reference: Reference<User, To>,
  user: User,
  caches: Pick<Caches, To>,
): Found<Kinds[To]> {
  const [named] = reference.refs(user)
  if (!named) throw new Error(`${user.metadata.name} names none of ${reference.to}`)
  return resolve(reference, user, named, caches)
}
