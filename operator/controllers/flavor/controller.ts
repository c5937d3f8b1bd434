// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, FLAVOR } from '../../../lib/api/kinds.ts'
import type { Flavor } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { reconcileFlavor } from './reconcile.ts'

export function flavorController(
  deps: Pick<OperatorDeps, 'caches'>,
  informers: OperatorInformers,
): ControllerDefinition<Flavor> {
  return {
    name: 'flavor',
    kind: FLAVOR,
    finalizer: FINALIZER,
    watches: [watchOf(informers.instances, ({ spec }) => [spec.flavorRef.name])],
    reconcile: async (flavor) => reconcileFlavor(flavor, deps),
  }
}
