// SPDX-License-Identifier: Apache-2.0
import type { DocumentKind } from '../../lib/contract/documents.ts'
import { keyOfObject, type KubeObject, type ObjectKey } from '../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition, type Source, type Waker, type Watch } from '../../lib/loop/controller.ts'
import type { Bus } from '../bus/bus.ts'
import { KIND_NAMES, KINDS } from '../kinds.ts'
import { entryOf } from './let-in.ts'
import { targetKeysOf } from './references.ts'
import {
  cacheOf,
  informerOf,
  resourceKindOf,
  type AnyReference,
  type Caches,
  type KindName,
  type KindRow,
  type OperatorInformers,
} from './row.ts'

interface WakeDeps {
  bus: Bus
  caches: Caches
}

/**
 * Adds the wake-ups from its kind's row to a controller's own watches and sources: the targets of its references, the users that block
 * a deletion, and what nodes and the bus report about its documents.
 */
export function withKindWakes<T extends KubeObject>(
  definition: ControllerDefinition<T>,
  deps: WakeDeps,
  informers: OperatorInformers,
): ControllerDefinition<T> {
  const name = KIND_NAMES.find((name) => resourceKindOf(name) === definition.kind)
  if (name === undefined) throw new Error(`${definition.kind.kind} is not in operator/kinds.ts`)
  const { document, alsoDocument } = KINDS[name]
  return {
    ...definition,
    watches: [...listReferenceWatches(name, deps.caches, informers), ...(definition.watches ?? [])],
    sources: [
      ...(document === undefined ? [] : listDocumentSources(name, document, deps)),
      ...(alsoDocument === undefined ? [] : listSources(alsoDocument, () => true, deps)),
      ...(definition.sources ?? []),
    ],
  }
}

function listDocumentSources(name: KindName, document: DocumentKind, deps: WakeDeps): Source[] {
  const { heeds } = KINDS[name] as KindRow<KubeObject>
  const isHeeded = (uid: string, node: string): boolean => {
    const object = heeds && cacheOf(name, deps.caches).findByUid(uid)
    return !heeds || (object !== undefined && heeds(object, node))
  }
  return listSources(document, isHeeded, deps)
}

function listSources(
  document: DocumentKind,
  isHeeded: (uid: string, node: string) => boolean,
  { bus }: WakeDeps,
): Source[] {
  const ifOurs =
    ({ enqueueUid }: Waker) =>
    ({ kind, uid }: { kind: DocumentKind; uid: string }): void => {
      if (kind === document) enqueueUid(uid)
    }
  return [
    (waker) => {
      const wake = ifOurs(waker)
      return bus.observed.onChange((key) => {
        if (key.kind === document && isHeeded(key.uid, key.node)) wake(key)
      })
    },
    (waker) => bus.desired.onDrift(ifOurs(waker)),
    ({ enqueueAll }) => bus.desired.onReset(() => enqueueAll()),
  ]
}

function listReferenceWatches(name: KindName, caches: Caches, informers: OperatorInformers): Watch[] {
  const cache = cacheOf(name, caches)
  const usersOf = (index: string) => (target: KubeObject) => cache.listBy(index, keyOfObject(target)).map(keyOfObject)
  const isDeleting = (key: ObjectKey) => cache.findByKey(key)?.metadata.deletionTimestamp !== undefined
  return KIND_NAMES.flatMap((userName) =>
    Object.entries(referencesOf(userName)).flatMap(([index, reference]) => [
      ...(userName === name
        ? [{ ...watchOf(informerOf(reference.to as KindName, informers), usersOf(index)), ...filterOf(reference) }]
        : []),
      // Users matter to a target only while it is being deleted.
      ...(reference.to === name && reference.holds
        ? [watchOf(informerOf(userName, informers), (user) => targetKeysOf(reference, user).filter(isDeleting))]
        : []),
    ]),
  )
}

function filterOf(reference: AnyReference<KubeObject>): Pick<Watch, 'when'> {
  if (!reference.wakes) return {}
  const { quota } = KINDS[reference.to as KindName] as KindRow<KubeObject>
  const isOther = (old: KubeObject, target: KubeObject) => entryOf(quota, old) !== entryOf(quota, target)
  return { when: (old, target) => isOther(old, target) || (reference.wakes?.(old, target) ?? true) }
}

function referencesOf(name: KindName): Readonly<Record<string, AnyReference<KubeObject>>> {
  return KINDS[name].references ?? {}
}
