// SPDX-License-Identifier: Apache-2.0
import { VOLUME_TYPE } from '../../../lib/api/kinds.ts'
import type { VolumeType } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileVolumeType } from './reconcile.ts'

/** A VolumeType is only data: placed volumes remember their pool, so a type may go at any time and needs no finalizer. */
export function volumeTypeController(deps: OperatorDeps): ControllerDefinition<VolumeType> {
  return {
    name: 'volume-type',
    kind: VOLUME_TYPE,
    reconcile: async (type) => reconcileVolumeType(type, deps),
  }
}
