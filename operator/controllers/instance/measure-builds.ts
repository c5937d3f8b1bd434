// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { ChangeHandler } from '../../../lib/informer/informer.ts'
import { USER_FAULTS } from '../../../lib/user-faults.ts'
import { STAGES } from './stages.ts'

interface BuildMetrics {
  buildSeconds: { observe: (labels: { stage: string }, seconds: number) => void }
  buildErrors: { inc: (labels: { reason: string }) => void }
  buildsFailed: { inc: () => void }
}

/**
 * For the time of one leadership: how long machines took, or why they came to ERROR. What was not known before counts nothing: a restarted
 * operator does not measure old machines.
 */
export function measureBuilds(metrics: BuildMetrics): ChangeHandler<Instance> {
  /** Reasons that were counted, by the UID of a machine that has not run yet. */
  const counted = new Map<string, Set<string>>()
  return ({ old, object }) => {
    const { uid = '' } = (object ?? old)?.metadata ?? {}
    if (!object || object.status?.startedAt !== undefined) counted.delete(uid)
    const [before, after] = [old?.status?.state, object?.status?.state]
    if (!old || !object || before === after || old.status?.startedAt !== undefined) return
    if (after === 'ACTIVE' && before === 'BUILD') measureBuild(object, metrics)
    if (after !== 'ERROR') return
    const reasons = counted.get(uid) ?? new Set()
    counted.set(uid, reasons)
    countError(findCondition(object.status?.conditions, 'Ready')?.reason ?? '', reasons, metrics)
  }
}

/** One that fails, is tried again and fails again is one that fails. */
function countError(reason: string, reasons: Set<string>, { buildErrors, buildsFailed }: BuildMetrics): void {
  if (reasons.has(reason)) return
  buildErrors.inc({ reason })
  if (!USER_FAULTS.has(reason) && [...reasons].every((earlier) => USER_FAULTS.has(earlier))) buildsFailed.inc()
  reasons.add(reason)
}

/**
 * How long a machine took from its creation to each stage and to ACTIVE, when it gets there for the first time. To the second, as conditions
 * and creation times are; a stage that lasted less than three seconds is seen with the next (docs/decisions/0021).
 */
function measureBuild(now: Instance, metrics: BuildMetrics): void {
  const { conditions } = now.status ?? {}
  const createdMs = Date.parse(now.metadata.creationTimestamp ?? '')
  if (Number.isNaN(createdMs)) return
  // The apiserver's clock may be ahead of this process's, which makes the times of conditions.
  const observe = (stage: string, atMs: number) =>
    metrics.buildSeconds.observe({ stage }, Math.max(0, (atMs - createdMs) / 1000))
  let lastMs = createdMs
  for (const stage of STAGES) {
    const reached = findCondition(conditions, stage)
    if (reached?.status !== 'True') continue
    const atMs = Date.parse(reached.lastTransitionTime)
    lastMs = Math.max(lastMs, atMs)
    observe(stage, atMs)
  }
  const ready = findCondition(conditions, 'Ready')
  observe('Active', ready?.status === 'True' ? Math.max(lastMs, Date.parse(ready.lastTransitionTime)) : lastMs)
}
