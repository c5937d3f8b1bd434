// SPDX-License-Identifier: Apache-2.0
import type { DesiredDocument, ObservedDocument } from '../../lib/contract/documents.ts'
import type { NodePulse } from './bus.ts'

/**
 * Has a node that beats not answered this version yet? A node that is away is not expected to, and one that refused it has answered.
 * Pure. @param report its latest report on the object
 */
export function isUnanswered(
  { versions: { epoch, generation } }: Pick<DesiredDocument, 'versions'>,
  report: Pick<ObservedDocument, 'versions' | 'refused'> | undefined,
  pulse: NodePulse,
): boolean {
  if (pulse !== 'up') return false
  if (!report) return true
  return !report.refused && (report.versions.epoch !== epoch || report.versions.generation !== generation)
}
