// SPDX-License-Identifier: Apache-2.0
// Conditions as in the Kubernetes API conventions and kstatus: Ready, Reconciling, Stalled, and stages in the past tense.

import { toTime } from './time/rfc3339.ts'

export type ConditionStatus = 'True' | 'False' | 'Unknown'

export interface Condition {
  type: string
  status: ConditionStatus
  reason: string
  message: string
  observedGeneration?: number
  /** RFC 3339; moves only when `status` flips. */
  lastTransitionTime: string
}

export interface ConditionUpdate {
  type: string
  status: ConditionStatus
  reason: string
  message: string
}

const MESSAGE_LIMIT = 1024

/**
 * The list with `update` in it, replaced in place or appended, so that the order stays stable. The transition time changes only with the
 * status. Pure; returns the same array when nothing changed.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  update: ConditionUpdate,
  generation: number | undefined,
  now: Date,
): Condition[] {
  const list = [...(conditions ?? [])]
  const at = list.findIndex((c) => c.type === update.type)
  const old = at < 0 ? undefined : list[at]
  const message =
    update.message.length > MESSAGE_LIMIT ? `${update.message.slice(0, MESSAGE_LIMIT - 1)}…` : update.message
  const next: Condition = {
    type: update.type,
    status: update.status,
    reason: update.reason,
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: old?.status === update.status ? old.lastTransitionTime : toTime(now),
  }
  if (at < 0) list.push(next)
  else list[at] = next
  return list
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((c) => c.type === type)
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

export interface Readiness {
  ready: boolean
  reconciling: boolean
  stalled: boolean
  reason: string
  message: string
}

/**
 * The three conditions of every kind. As kstatus wants it, Reconciling and Stalled are present only while True; `Ready` always is.
 * https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
 */
export function setReadiness(
  conditions: readonly Condition[] | undefined,
  readiness: Readiness,
  generation: number | undefined,
  now: Date,
): Condition[] {
  const { reason, message } = readiness
  let list = setCondition(
    conditions,
    { type: 'Ready', status: readiness.ready ? 'True' : 'False', reason, message },
    generation,
    now,
  )
  for (const [type, on] of [
    ['Reconciling', readiness.reconciling],
    ['Stalled', readiness.stalled],
  ] as const) {
    if (on) list = setCondition(list, { type, status: 'True', reason, message }, generation, now)
    else list = list.filter((c) => c.type !== type)
  }
  return list
}
