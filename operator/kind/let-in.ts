// SPDX-License-Identifier: Apache-2.0
// What its Quota has not let in may not be used either, or a project could have of what is only data as much as it likes.
import type { Cache } from '../../lib/informer/cache.ts'
import { keyOfObject, type KubeObject } from '../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { NOTHING } from '../quota/amounts.ts'
import { findQuotaWait, wasLookedAt, type QuotaUse } from '../quota/quota-use.ts'

/** The index of each cache that has, under its own key, what nobody may use yet. */
export const NOT_LET_IN = 'notLetIn'

/** Whether it waits for its Quota and was let in with nothing yet. */
export function isKeptOut<T extends KubeObject>(use: QuotaUse<T> | undefined, object: T): boolean {
  return use?.has(object) === NOTHING && findQuotaWait(object) !== undefined
}

/** Whether the object may be used: `unseen` is data that was not asked for yet. */
export function entryOf<T extends KubeObject>(use: QuotaUse<T> | undefined, object: T): 'in' | 'unseen' | 'out' {
  if (isKeptOut(use, object)) return 'out'
  return use?.isData === true && !wasLookedAt(object) ? 'unseen' : 'in'
}

/** What the object has of the index. */
export function notLetInKeys<T extends KubeObject>(use: QuotaUse<T> | undefined, object: T): string[] {
  return entryOf(use, object) === 'in' ? [] : [keyOfObject(object)]
}

/**
 * Why what names the target in that field has to wait for the target's Quota.
 * @param from the user's namespace: it is not told what another one may have
 */
export function waitUntilLetIn(
  target: KubeObject,
  { kind, field, from }: { kind: string; field: string; from: string | undefined },
  cache: Cache,
): Outcome | undefined {
  const key = keyOfObject(target)
  if (cache.listBy(NOT_LET_IN, key).length === 0) return undefined
  const what = `${kind} ${key} in ${field}`
  const waits = findQuotaWait(target)
  if (!waits) return waitFor('ReferencePending', `${what} was not looked at yet: this goes on by itself`)
  const why = target.metadata.namespace === from ? waits.message : 'there is no room in its namespace'
  return waitFor('ReferenceOverQuota', `${what} waits for its Quota itself: ${why}; this goes on by itself then`)
}
