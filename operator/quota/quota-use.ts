// SPDX-License-Identifier: Apache-2.0
import { findCondition, type Condition } from '../../lib/conditions.ts'
import type { Flavor } from '../../lib/api/types.ts'
import type { Cache } from '../../lib/informer/cache.ts'
import type { CommonStatus, KubeObject } from '../../lib/kube/object.ts'
import { NOTHING, type Amounts } from './amounts.ts'

/** The reason of what waits because its project has no room left for it. */
export const QUOTA_EXCEEDED = 'QuotaExceeded'

/** How objects of a kind count in the Quota of their namespace. Pure. */
export interface QuotaUse<T extends KubeObject> {
  /** What the object has of it, by its status: NOTHING until it was let in. */
  has(object: T): Amounts
  /** What it needs to be let in, before any of its work is done. Absent: its controller asks by itself. */
  needs?(object: T): Amounts
  /** The same where it takes more than the object to know, or its controller asks by itself: for who waits when a leader begins. */
  needsBy?(object: T, caches: { readonly flavors: Cache<Flavor> }): Amounts | undefined
  /** Whether it was let in, though it has nothing yet: its status says so, and another leader keeps its room. */
  isPromised?(object: T): boolean
  /** What names one reads its spec and no status of it: it has to wait until the object was let in. */
  isData?: true
}

/** For kinds of which each object counts as one. */
export function oneOf<T extends KubeObject>(key: string): QuotaUse<T> {
  const one: Amounts = { [key]: 1 }
  return { needs: () => one, has: (object) => (isLetIn(object) ? one : NOTHING) }
}

/** The same for those that are data for what names them. */
export function oneOfData<T extends KubeObject>(key: string): QuotaUse<T> {
  return { ...oneOf<T>(key), isData: true }
}

/** Whether work on it has begun: it has a status that does not say that it waits for its Quota. */
export function isLetIn(object: KubeObject): boolean {
  return wasLookedAt(object) && findQuotaWait(object) === undefined
}

/** Whether there is a status at all. */
export function wasLookedAt({ status }: KubeObject): boolean {
  return (status as CommonStatus | undefined)?.observedGeneration !== undefined
}

/** What an object says that waits for its Quota; it may have been let in with less. */
export function findQuotaWait({ status }: KubeObject): Condition | undefined {
  const ready = findCondition((status as CommonStatus | undefined)?.conditions, 'Ready')
  return ready?.reason === QUOTA_EXCEEDED ? ready : undefined
}
