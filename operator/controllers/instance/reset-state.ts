// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { findStateReset } from '../instance-action/state-reset.ts'
import type { InstanceDeps } from './deps.ts'

/**
 * What the status keeps of failures is forgotten once for each ResetState; the rest of the status is derived, and found anew by the same run.
 * @returns whether there is something to save
 */
export function resetState(instance: Instance, { caches }: Pick<InstanceDeps, 'caches'>): boolean {
  const status = (instance.status ??= {})
  const reset = findStateReset(instance.metadata.uid, caches)
  if (!reset || status.resetByUID === reset.metadata.uid) return false
  delete status.excludedNodes
  delete status.refusals
  status.resetByUID = reset.metadata.uid
  return true
}
