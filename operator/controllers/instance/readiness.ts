// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition, type Readiness } from '../../../lib/conditions.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import type { RunResult } from '../../../lib/loop/controller.ts'

/** As for all kinds, except that a machine that is off against its spec (it powered itself off) is not Ready, though we leave it off. */
export function instanceReadiness(instance: Instance, result: RunResult): Readiness {
  const standard = readinessOf(instance, result)
  if (result.kind !== 'outcome' || result.outcome.kind !== 'done') return standard
  const isWantedOff = (instance.spec.runState ?? 'Running') === 'Stopped'
  const booted = findCondition(instance.status?.conditions, 'Booted')
  if (isWantedOff) return { ...standard, reason: 'Stopped', message: 'the machine is off, as spec.runState wants it' }
  if (booted?.status !== 'False') return standard
  return { ready: false, reconciling: false, stalled: false, reason: booted.reason, message: booted.message }
}
