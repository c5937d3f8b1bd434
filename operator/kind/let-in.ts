// SPDX-License-Identifier: Apache-2.0
// What its Quota has not let in may not be used either, or a project could have of what is only data as much as it likes.
import { keyOfObject, type KubeObject } from '../../lib/kube/object.ts'
import { NOTHING } from '../quota/amounts.ts'
import { findQuotaWait, wasLookedAt, type QuotaUse } from '../quota/quota-use.ts'

/** The index of each cache that has, under its own key, what nobody may use yet. */
export const NOT_LET_IN = 'notLetIn'

/** Whether it waits for its Quota and was let in with nothing yet. */
export function isKeptOut<T extends KubeObject>(use: QuotaUse<T> | undefined, object: T): boolean {
  return use?.has(object) === NOTHING && findQuotaWait(object) !== undefined
}

/**
 * Whether the object may be used: `unseen` is data that was not asked for yet. Of a machine, which asks in the middle of its run, others
 * look at what it has.
 */
export function entryOf<T extends KubeObject>(use: QuotaUse<T> | undefined, object: T): 'in' | 'unseen' | 'out' {
  if (use?.needs && isKeptOut(use, object)) return 'out'
  return use?.isData === true && !wasLookedAt(object) ? 'unseen' : 'in'
}

/** What the object has of the index. */
export function notLetInKeys<T extends KubeObject>(use: QuotaUse<T> | undefined, object: T): string[] {
  return entryOf(use, object) === 'in' ? [] : [keyOfObject(object)]
}
