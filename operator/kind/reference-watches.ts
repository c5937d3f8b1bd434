// SPDX-License-Identifier: Apache-2.0
import { keyOfObject, type KubeObject, type ObjectKey } from '../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition, type Watch } from '../../lib/loop/controller.ts'
import { KIND_NAMES, KINDS } from '../kinds.ts'
import { targetKeysOf } from './references.ts'
import {
  cacheOf,
  informerOf,
  resourceKindOf,
  type AnyReference,
  type Caches,
  type KindName,
  type OperatorInformers,
} from './row.ts'

/** A controller's own watches, behind those that its kind's references give it: of the targets, and of who holds up a deletion. */
export function withReferenceWatches<T extends KubeObject>(
  definition: ControllerDefinition<T>,
  caches: Caches,
  informers: OperatorInformers,
): ControllerDefinition<T> {
  const name = KIND_NAMES.find((name) => resourceKindOf(name) === definition.kind)
  if (name === undefined) throw new Error(`${definition.kind.kind} is not in operator/kinds.ts`)
  const watches = listReferenceWatches(name, caches, informers)
  return { ...definition, watches: [...watches, ...(definition.watches ?? [])] }
}

function listReferenceWatches(name: KindName, caches: Caches, informers: OperatorInformers): Watch[] {
  const cache = cacheOf(name, caches)
  const usersOf = (index: string) => (target: KubeObject) => cache.listBy(index, keyOfObject(target)).map(keyOfObject)
  const isDeleting = (key: ObjectKey) => cache.findByKey(key)?.metadata.deletionTimestamp !== undefined
  return KIND_NAMES.flatMap((userName) =>
    Object.entries(referencesOf(userName)).flatMap(([index, reference]) => [
      ...(userName === name ? [watchOf(informerOf(reference.to as KindName, informers), usersOf(index))] : []),
      // Users matter to a target only while it waits for them to go.
      ...(reference.to === name && reference.holds
        ? [watchOf(informerOf(userName, informers), (user) => targetKeysOf(reference, user).filter(isDeleting))]
        : []),
    ]),
  )
}

function referencesOf(name: KindName): Readonly<Record<string, AnyReference<KubeObject>>> {
  return KINDS[name].references ?? {}
}
