// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, VOLUME } from '../../../lib/api/kinds.ts'
import type { Volume } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { volumeReadiness } from './readiness.ts'
import { reconcileVolume } from './reconcile.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { volumeSources, volumeWatches } from './wakes.ts'

export function volumeController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Volume> {
  return {
    name: 'volume',
    kind: VOLUME,
    finalizer: FINALIZER,
    watches: volumeWatches(deps, informers),
    sources: volumeSources(deps),
    reconcile: (volume, run) => reconcileVolume(volume, deps, run),
    errorState: 'error',
    readiness: volumeReadiness,
    forget(key, volume) {
      deps.claimedVolumes.delete(key)
      deps.volumePromises.withdraw(volume)
    },
  }
}
