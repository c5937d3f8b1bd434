// SPDX-License-Identifier: Apache-2.0
import type { CommonStatus, KubeObject } from '../kube/object.ts'

const AT_REST = 10

/**
 * Added to the priority of objects that existed before a leader began: it looks at all of them, and most are in order. What was created,
 * changed or deleted while nobody led does not wait behind them, nor does what changes from now on.
 * @param hasStatus whether the kind's controller writes `status.observedGeneration`
 */
export function firstLookPriority(object: KubeObject, hasStatus: boolean): number {
  const { generation, deletionTimestamp } = object.metadata
  if (deletionTimestamp !== undefined) return 0
  const seen = (object.status as CommonStatus | undefined)?.observedGeneration
  return hasStatus && seen !== generation ? 0 : AT_REST
}
