// SPDX-License-Identifier: Apache-2.0
import { keyOfObject, type KubeObject } from '../../lib/kube/object.ts'
import type { Amounts } from '../quota/amounts.ts'
import type { QuotaBook } from '../quota/quota-book.ts'
import { findQuotaWait, wasLookedAt, type QuotaUse } from '../quota/quota-use.ts'
import { KIND_NAMES } from '../kinds.ts'
import { isOlder } from './is-older.ts'
import { cacheOf, resourceKindOf, type Caches } from './row.ts'
import { findUse } from './with-quota.ts'

interface Candidate {
  object: KubeObject
  kind: string
  asked: Amounts
  isPromised: boolean
}

/**
 * What an earlier leader knew and no sum of what is there says: who was let in and has no place yet keeps its room, and who waits, or was
 * made while nobody led, waits in the order of creation. Call it once limits and sums are known, before anybody asks.
 */
export function restoreQuotas(quotas: QuotaBook, caches: Caches): void {
  const candidates = KIND_NAMES.flatMap((name) => {
    const use = findUse(name)
    return use
      ? cacheOf(name, caches)
          .list()
          .flatMap((object) => toCandidate(use, object, resourceKindOf(name).kind, caches))
      : []
  })
  for (const { object, asked } of candidates.filter(({ isPromised }) => isPromised))
    quotas.restore(object.metadata.namespace ?? '', object.metadata.uid, asked)
  const rest = candidates.filter(({ isPromised }) => !isPromised)
  rest.sort(({ object: a }, { object: b }) => (isOlder(a, b) ? -1 : 1))
  for (const { object, asked, kind } of rest) {
    const { namespace = '', uid } = object.metadata
    if (quotas.project(namespace).limits.size === 0) continue
    quotas.queue(namespace, { uid, kind, key: keyOfObject(object) }, asked)
  }
}

function toCandidate(
  use: QuotaUse<KubeObject>,
  object: KubeObject,
  kind: string,
  caches: Pick<Caches, 'flavors'>,
): Candidate[] {
  if (object.metadata.deletionTimestamp !== undefined) return []
  const isPromised = use.isPromised?.(object) === true && findQuotaWait(object) === undefined
  if (!isPromised && wasLookedAt(object) && findQuotaWait(object) === undefined) return []
  const asked = use.needs?.(object) ?? use.needsBy?.(object, caches)
  return asked ? [{ object, kind, asked, isPromised }] : []
}
