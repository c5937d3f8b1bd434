// SPDX-License-Identifier: Apache-2.0
import type { Quota } from '../../../lib/api/types.ts'
import type { Readiness } from '../../../lib/conditions.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import type { RunResult } from '../../../lib/loop/controller.ts'
import { findGroup } from '../../quota/amounts.ts'
import type { OperatorDeps } from '../common/deps.ts'

/** Says what the namespace has, and what it may have. The limits themselves hold as soon as the Quota is there. */
export function reconcileQuota(quota: Quota, { quotas }: Pick<OperatorDeps, 'quotas'>): Outcome {
  const project = quotas.project(quota.metadata.namespace ?? '')
  const status = (quota.status ??= {})
  status.state = 'ACTIVE'
  status.hard = toSorted([...project.limits].map(([key, { amount }]) => [key, amount]))
  status.used = toSorted(ofLargestGroup(project.used))
  const reserved = toSorted(ofLargestGroup(project.reserved))
  if (Object.keys(reserved).length > 0) status.reserved = reserved
  else delete status.reserved
  return done
}

/** Less than what is there already may be allowed: nothing is taken away then, and nothing more is given. */
export function quotaReadiness(quota: Quota, result: RunResult): Readiness {
  const standard = readinessOf(quota, result)
  const { hard = {}, used = {} } = quota.status ?? {}
  const over = Object.keys(hard).filter((key) => (used[key] ?? 0) > (hard[key] ?? 0))
  if (!standard.ready || over.length === 0) return standard
  const list = over.map((key) => `${used[key]} ${key} of ${hard[key]}`).join(', ')
  return {
    ...standard,
    reason: 'OverQuota',
    message: `the namespace has more than it may: ${list}; it keeps that, and gets no more of these until it has less`,
  }
}

/** Members are bounded in each ServerGroup: shown are those of the largest. */
function ofLargestGroup(amounts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const shown = new Map<string, number>()
  for (const [key, amount] of amounts) {
    const bound = findGroup(key)?.bound ?? key
    shown.set(bound, Math.max(shown.get(bound) ?? 0, amount))
  }
  return shown
}

/** In the order of their keys, so that the same amounts are the same text. */
function toSorted(amounts: Iterable<readonly [string, number]>): Record<string, number> {
  return Object.fromEntries([...amounts].sort(([a], [b]) => (a < b ? -1 : 1)))
}
