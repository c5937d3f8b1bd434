// SPDX-License-Identifier: Apache-2.0
import { VOLUME_TYPE } from '../../../lib/api/kinds.ts'
import type { VolumeType } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { guarded } from '../common/definition.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { reconcileVolumeType } from './reconcile.ts'

/** Data: placed volumes remember their pool, so that a type may go at any time and needs no finalizer. */
export function volumeTypeController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<VolumeType> {
  return {
    name: 'volume-type',
    kind: VOLUME_TYPE,
    watches: [
      watchOf(informers.storagePools, ({ metadata }) =>
        deps.caches.volumeTypes.listBy('pool', metadata.name).map(keyOfObject),
      ),
    ],
    reconcile: guarded(deps, async (type) => reconcileVolumeType(type, deps)),
  }
}
