// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'

export function reconcileFloatingIP(floatingIP: FloatingIP, deps: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (floatingIP.status ??= {})
  if (floatingIP.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('floatingIPs', floatingIP, deps.caches) ?? released
  }
  status.state = 'ACTIVE'
  return done
}
