// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import type { Quota } from '../../lib/api/types.ts'
import { keyOfObject, type CommonStatus, type KubeObject } from '../../lib/kube/object.ts'
import { KIND_NAMES } from '../kinds.ts'
import { informerOf, type Caches, type OperatorInformers } from './row.ts'
import { restoreQuotas } from './restore-quotas.ts'
import { findUse } from './with-quota.ts'
import { NOTHING } from '../quota/amounts.ts'
import type { Limit } from '../quota/project-book.ts'
import type { QuotaBook } from '../quota/quota-book.ts'

/**
 * Keeps the book in step with the caches. Complete as soon as it returns, since informers replay what they have.
 * @returns a function that stops it
 */
export function followQuotas(quotas: QuotaBook, caches: Caches, informers: OperatorInformers): () => void {
  const ends = KIND_NAMES.flatMap((name) => {
    const use = findUse(name)
    if (!use) return []
    return informerOf(name, informers).onChange(({ old, object }) => {
      if (old && old.metadata.uid !== object?.metadata.uid) quotas.forget(old.metadata.uid)
      // What a changed spec needs is counted once its controller has asked for it: until then what was let in before.
      if (!object || (old?.metadata.uid === object.metadata.uid && !isAnswered(object))) return
      // Nor does what is going begin to count, whatever it says meanwhile.
      if (
        old &&
        isGoing(object) &&
        quotas.project(object.metadata.namespace ?? '').has(object.metadata.uid) === NOTHING
      )
        return
      quotas.store(object.metadata.namespace ?? '', object.metadata.uid, use.has(object))
    })
  })
  const limits = informers.quotas.onChange(({ old, object }) => {
    if (isSameSpec(old, object)) return
    const namespace = (object ?? old)?.metadata.namespace ?? ''
    quotas.limit(namespace, limitsOf(caches.quotas.listBy('namespace', namespace)))
  })
  const defaults = informers.clouds.onChange(({ old, object }) => {
    // One that is deleted is made anew with what it said, and meanwhile that holds.
    if (object?.metadata.name !== CLOUD_NAME || isSameSpec(old, object)) return
    quotas.limitAll(toLimits(object.spec.defaultQuota ?? {}, 'defaultQuota of the Cloud'))
  })
  restoreQuotas(quotas, caches)
  return () => {
    for (const end of [...ends, limits, defaults]) end()
  }
}

/** Only its status was written. */
function isSameSpec(old: KubeObject | undefined, object: KubeObject | undefined): boolean {
  if (!old || !object) return false
  return old.metadata.uid === object.metadata.uid && old.metadata.generation === object.metadata.generation
}

function isGoing({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined
}

function isAnswered({ metadata, status }: KubeObject): boolean {
  return (status as CommonStatus | undefined)?.observedGeneration === metadata.generation
}

/** Of several Quotas in a namespace, as with Kubernetes' ResourceQuotas, each has to be kept: the smallest amount counts. */
export function limitsOf(quotas: readonly Quota[]): ReadonlyMap<string, Limit> {
  const all = quotas
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .flatMap((quota) => [...toLimits(quota.spec.hard, `Quota ${keyOfObject(quota)}`)])
    .sort(([, a], [, b]) => b.amount - a.amount || (a.by < b.by ? 1 : -1))
  return new Map(all)
}

function toLimits(hard: Readonly<Record<string, number>>, by: string): ReadonlyMap<string, Limit> {
  return new Map(Object.entries(hard).map(([key, amount]) => [key, { amount, by }]))
}
