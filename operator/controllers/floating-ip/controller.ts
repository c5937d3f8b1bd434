// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, FLOATING_IP } from '../../../lib/api/kinds.ts'
import type { FloatingIP } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileFloatingIP } from './reconcile.ts'

export function floatingIPController(deps: OperatorDeps): ControllerDefinition<FloatingIP> {
  return {
    name: 'floating-ip',
    kind: FLOATING_IP,
    finalizer: FINALIZER,
    reconcile: async (floatingIP) => reconcileFloatingIP(floatingIP, deps),
    errorState: 'ERROR',
  }
}
