// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, ObjectKey, ObjectRef } from '../../../lib/kube/object.ts'
import { keyOfRef } from '../../../lib/kube/object.ts'
import type { Cache } from '../../../lib/informer/cache.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'

export type Found<T> = { ok: true; object: T } | { ok: false; outcome: Outcome }

export function found<T>(object: T): Found<T> {
  return { ok: true, object }
}

/** @param retryAfterMs only for what no watch announces */
export function missing(reason: string, message: string, retryAfterMs?: number): { ok: false; outcome: Outcome } {
  return { ok: false, outcome: waitFor(reason, message, retryAfterMs) }
}

/** So many are named in one message. */
const MOST_NAMED = 8

/**
 * All that an object lacks, in one message: who writes it need not find out one by one. The reason is that of the first.
 * @returns undefined when it lacks nothing
 */
export function allMissing(lacks: readonly (Outcome | undefined)[]): { ok: false; outcome: Outcome } | undefined {
  const waits = lacks.flatMap((outcome) => (outcome?.kind === 'wait' ? [outcome] : []))
  const [first] = waits
  if (!first) return undefined
  const messages = [...new Set(waits.map(({ message }) => message))]
  const more = messages.length - MOST_NAMED
  const text = [...messages.slice(0, MOST_NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
  const looks = waits.flatMap(({ retryAfterMs }) => retryAfterMs ?? [])
  return missing(first.reason, text, looks.length > 0 ? Math.min(...looks) : undefined)
}

/** Who else may use an object: named namespaces, or all by `*`; some kinds have a word for all. */
interface Shareable {
  sharedWith?: readonly { namespace: string }[]
  visibility?: string
}

/** May an object of `namespace` refer to this one of another namespace? */
export function isSharedWith(target: KubeObject, namespace: string): boolean {
  if (target.metadata.namespace === undefined || target.metadata.namespace === namespace) return true
  const spec = (target.spec ?? {}) as Shareable
  if (spec.visibility === 'public') return true
  if (spec.visibility === 'private') return false
  return spec.sharedWith?.some((to) => to.namespace === '*' || to.namespace === namespace) ?? false
}

/** The same of an object without a namespace. */
export function isPublicTo(
  { public: isPublic = true, sharedWith = [] }: Shareable & { public?: boolean },
  namespace: string,
): boolean {
  return isPublic || sharedWith.some((to) => to.namespace === '*' || to.namespace === namespace)
}

export interface ReferenceOptions<T extends KubeObject> {
  cache: Cache<T>
  /** Kind of the target, as users write it. */
  kind: string
  ref: ObjectRef
  /** Namespace of the referrer. */
  from: string
  /** The field that holds the reference, such as `spec.imageRef`. */
  field: string
  /** Who refers, already: keeps what it has although the target is being deleted. */
  isKept?: boolean
  /** Who uses this very object already by a reference that cannot change: sharing that is taken back concerns new users. */
  isGranted?: (object: T) => boolean
}

/**
 * The object that a reference names, when it may be used: exists, is shared, and is not being deleted. One message for "does not
 * exist" and "is not yours to use", so that references cannot be used to look into other namespaces.
 */
export function resolve<T extends KubeObject>(options: ReferenceOptions<T>): Found<T> {
  const { cache, kind, ref, from, field, isKept = false, isGranted } = options
  const key = keyOfRef({ namespace: ref.namespace ?? from, name: ref.name })
  const object = cache.findByKey(key)
  if (!object || !(isSharedWith(object, from) || isGranted?.(object) === true)) {
    const foreign = ref.namespace !== undefined && ref.namespace !== from
    const why = foreign
      ? `does not exist or is not shared with namespace ${from} (its spec.sharedWith): create it, or have it shared`
      : 'does not exist: create it'
    return missing(`${kind}NotFound`, `${kind} ${key} in ${field} ${why}, and this goes on by itself`)
  }
  if (object.metadata.deletionTimestamp !== undefined && !isKept) {
    return missing(`${kind}Deleting`, `${kind} ${key} in ${field} is being deleted and accepts no new users`)
  }
  return found(object)
}

/** Like resolve, for kinds without a namespace. */
export function resolveCluster<T extends KubeObject>(options: Omit<ReferenceOptions<T>, 'from'>): Found<T> {
  const { cache, kind, ref, field, isKept = false } = options
  const object = cache.find(undefined, ref.name)
  if (!object)
    return missing(
      `${kind}NotFound`,
      `${kind} ${ref.name} in ${field} does not exist: create it, and this goes on by itself`,
    )
  if (object.metadata.deletionTimestamp !== undefined && !isKept) {
    return missing(`${kind}Deleting`, `${kind} ${ref.name} in ${field} is being deleted and accepts no new users`)
  }
  return found(object)
}

/** Key of the referenced object. */
export function keyOf(ref: ObjectRef, from: string | undefined): ObjectKey {
  return keyOfRef({ namespace: ref.namespace ?? from, name: ref.name })
}

/** `a, b, c and 4 more`: names of those that use something, for messages. */
export function listNames(names: readonly string[], shown = 3): string {
  const first = [...names].sort().slice(0, shown).join(', ')
  return names.length > shown ? `${first} and ${names.length - shown} more` : first
}
