// SPDX-License-Identifier: Apache-2.0
import { CLOUD } from '../../../lib/api/kinds.ts'
import type { Cloud } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileCloud } from './reconcile.ts'

/** Not guarded: it is the one that says why all others stand still. */
export function cloudController(deps: OperatorDeps): ControllerDefinition<Cloud> {
  return {
    name: 'cloud',
    kind: CLOUD,
    reconcile: async (cloud, run) => reconcileCloud(cloud, deps, run.now),
  }
}
