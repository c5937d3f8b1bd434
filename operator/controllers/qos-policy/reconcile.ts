// SPDX-License-Identifier: Apache-2.0
import type { QoSPolicy } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'

/** A Port without one of its own has that of its Network. */
const HELP = 'take it out of spec.qosPolicyRef of these, or of the Networks of these Ports'

export function reconcileQoSPolicy(qosPolicy: QoSPolicy, deps: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (qosPolicy.status ??= {})
  if (qosPolicy.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('qosPolicies', qosPolicy, deps.caches, HELP) ?? released
  }
  status.state = 'ACTIVE'
  return done
}
