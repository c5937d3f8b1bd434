// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, QOS_POLICY } from '../../../lib/api/kinds.ts'
import type { QoSPolicy } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileQoSPolicy } from './reconcile.ts'

export function qosPolicyController(deps: OperatorDeps): ControllerDefinition<QoSPolicy> {
  return {
    name: 'qos-policy',
    kind: QOS_POLICY,
    finalizer: FINALIZER,
    reconcile: async (qosPolicy) => reconcileQoSPolicy(qosPolicy, deps),
    errorState: 'ERROR',
  }
}
