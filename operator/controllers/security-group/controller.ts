// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, SECURITY_GROUP } from '../../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileSecurityGroup } from './reconcile.ts'

export function securityGroupController(deps: OperatorDeps): ControllerDefinition<SecurityGroup> {
  return {
    name: 'security-group',
    kind: SECURITY_GROUP,
    finalizer: FINALIZER,
    reconcile: (group, run) => reconcileSecurityGroup(group, deps, run),
    errorState: 'ERROR',
  }
}
