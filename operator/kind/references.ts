// SPDX-License-Identifier: Apache-2.0
import type { Indexes } from '../../lib/informer/cache.ts'
import { keyOfRef, type KubeObject, type ObjectKey, type ObjectRef } from '../../lib/kube/object.ts'
import { NOT_LET_IN, notLetInKeys } from './let-in.ts'
import { resourceKindOf, type AnyReference, type KindRow } from './row.ts'

/** Key of the referenced object. @param from the referrer's namespace, where the reference names none */
export function keyOf(ref: ObjectRef, from: string | undefined): ObjectKey {
  return keyOfRef({ namespace: ref.namespace ?? from, name: ref.name })
}

/** Keys of all objects that an object names by this reference. */
export function targetKeysOf<T extends KubeObject>(reference: AnyReference<T>, user: T): ObjectKey[] {
  const from = resourceKindOf(reference.to as 'instances').namespaced ? user.metadata.namespace : undefined
  return reference.refs(user).map(({ ref }) => keyOf(ref, from))
}

/** One index per reference, under its name, one of what may not be used yet, plus the row's own. */
export function indexesOf<T extends KubeObject>({ references = {}, indexes = {}, quota }: KindRow<T>): Indexes<T> {
  const byReference = Object.entries(references).map(([name, reference]) => [
    name,
    (user: T) => targetKeysOf(reference, user),
  ])
  const notLetIn = (object: T) => notLetInKeys(quota, object)
  return { ...(Object.fromEntries(byReference) as Indexes<T>), [NOT_LET_IN]: notLetIn, ...indexes }
}
