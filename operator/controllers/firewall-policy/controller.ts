// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, FIREWALL_POLICY } from '../../../lib/api/kinds.ts'
import type { FirewallPolicy } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileFirewallPolicy } from './reconcile.ts'

export function firewallPolicyController(deps: OperatorDeps): ControllerDefinition<FirewallPolicy> {
  return {
    name: 'firewall-policy',
    kind: FIREWALL_POLICY,
    finalizer: FINALIZER,
    reconcile: async (policy) => reconcileFirewallPolicy(policy, deps),
    errorState: 'ERROR',
  }
}
