// SPDX-License-Identifier: Apache-2.0
import type { QoSPolicy } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'

export function reconcileQoSPolicy(qosPolicy: QoSPolicy, deps: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (qosPolicy.status ??= {})
  if (qosPolicy.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('qosPolicies', qosPolicy, deps.caches) ?? released
  }
  status.state = 'ACTIVE'
  return done
}
