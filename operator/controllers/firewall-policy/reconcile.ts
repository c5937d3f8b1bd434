// SPDX-License-Identifier: Apache-2.0
import type { FirewallPolicy } from '../../../lib/api/types.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'

const HELP = 'take it out of policyRefs of these, or delete them first'

/** It has nothing in the backend: FirewallGroups realise its rules. */
export function reconcileFirewallPolicy(policy: FirewallPolicy, deps: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (policy.status ??= {})
  if (policy.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('firewallPolicies', policy, deps.caches, HELP) ?? released
  }
  status.state = 'ACTIVE'
  return done
}
