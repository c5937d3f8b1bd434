// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import { isConditionTrue, type Readiness } from '../../../lib/conditions.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import type { RunResult } from '../../../lib/loop/controller.ts'

/**
 * As for all kinds, but a volume that is whole stays Ready while it changes hands: who has it is one write, not one to say that it
 * changes and one to say that it did.
 */
export function volumeReadiness(volume: Volume, result: RunResult): Readiness {
  const standard = readinessOf(volume, result)
  const { status, metadata } = volume
  const isWhole = status?.sizeGiB !== undefined && status.observedGeneration === metadata.generation
  const isSaved = result.kind === 'outcome' && result.outcome.kind === 'saved'
  if (!isSaved || !isWhole || !isConditionTrue(status.conditions, 'Ready')) return standard
  return readinessOf(volume, { kind: 'outcome', outcome: { kind: 'done' } })
}
