// SPDX-License-Identifier: Apache-2.0
import { findCondition } from '../../lib/conditions.ts'
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
}

/** For kinds of which each object counts as one. */
export function oneOf<T extends KubeObject>(key: string): QuotaUse<T> {
  const one: Amounts = { [key]: 1 }
  return { needs: () => one, has: (object) => (isLetIn(object) ? one : NOTHING) }
}

/** Whether work on it has begun: it has a status that does not say that it waits for its Quota. */
export function isLetIn(object: KubeObject): boolean {
  const status = object.status as CommonStatus | undefined
  return (
    status?.observedGeneration !== undefined && findCondition(status.conditions, 'Ready')?.reason !== QUOTA_EXCEEDED
  )
}
