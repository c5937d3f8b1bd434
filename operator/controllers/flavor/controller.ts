// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, FLAVOR } from '../../../lib/api/kinds.ts'
import type { Flavor } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileFlavor } from './reconcile.ts'

export function flavorController(deps: Pick<OperatorDeps, 'caches'>): ControllerDefinition<Flavor> {
  return {
    name: 'flavor',
    kind: FLAVOR,
    finalizer: FINALIZER,
    reconcile: async (flavor) => reconcileFlavor(flavor, deps),
  }
}
