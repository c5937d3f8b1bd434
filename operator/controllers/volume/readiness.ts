// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import { isConditionTrue, type Readiness } from '../../../lib/conditions.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import type { RunResult } from '../../../lib/loop/controller.ts'

/**
 * As for all kinds, except that a complete volume stays Ready while its attachment changes: that takes one write instead of two (not Ready,
 * then Ready again).
 */
export function volumeReadiness(volume: Volume, result: RunResult): Readiness {
  const standard = readinessOf(volume, result)
  const { status, metadata } = volume
  const isWhole = status?.sizeGiB !== undefined && status.observedGeneration === metadata.generation
  const isSaved = result.kind === 'outcome' && result.outcome.kind === 'saved'
  if (!isSaved || !isWhole || !isConditionTrue(status.conditions, 'Ready')) return standard
  return readinessOf(volume, { kind: 'outcome', outcome: { kind: 'done' } })
}
