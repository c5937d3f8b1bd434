// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, VOLUME } from '../../../lib/api/kinds.ts'
import type { Volume } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { targetKeysOf } from '../../kind/references.ts'
import { volume as volumeOfMachine } from '../instance/kind.ts'
import { listFreed } from './held-back.ts'
import { volumeReadiness } from './readiness.ts'
import { reconcileVolume } from './reconcile.ts'
import { listUnplaced, listWaitingFor } from './waiting.ts'
import type { OperatorInformers } from '../../kind/row.ts'

export function volumeController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Volume> {
  const { volumes, storagePools } = deps.caches
  const keysBy = (index: string, value: string) => volumes.listBy(index, value).map(keyOfObject)
  const unplaced = (type: string) => listUnplaced(type, deps.caches).map(keyOfObject)
  const waitingFor = (pool: string) => listWaitingFor(pool, deps.caches).map(keyOfObject)
  return {
    name: 'volume',
    kind: VOLUME,
    finalizer: FINALIZER,
    watches: [
      // Those that it names, and the one that it had when it named it no longer.
      watchOf(informers.instances, (instance) => [
        ...targetKeysOf(volumeOfMachine, instance),
        ...keysBy('attachedTo', instance.metadata.uid),
      ]),
      watchOf(informers.volumeTypes, ({ metadata }) => [...unplaced(metadata.name), ...unplaced('')]),
      // What one that goes had, or was promised, others may have.
      watchOf(informers.volumes, ({ status, metadata }) =>
        metadata.deletionTimestamp === undefined || status?.pool === undefined ? [] : waitingFor(status.pool),
      ),
      watchOf(informers.storagePools, (pool) => waitingFor(pool.metadata.name)),
      // Beside those that are on it, those that may be put there when it is heard again: its pools say nothing new then.
      watchOf(informers.computeNodes, ({ metadata: { name } }) => [
        // Given up, it holds nothing any more.
        ...keysBy('usedOn', name),
        ...listFreed(deps).map(keyOfObject),
        ...storagePools
          .list()
          .filter((pool) => pool.status?.nodes?.some((n) => n.node === name))
          .flatMap((pool) => waitingFor(pool.metadata.name)),
        // Those that its machines hold: by which key, and that it is lost.
        ...deps.caches.instances.listBy('node', name).flatMap(({ metadata }) => keysBy('attachedTo', metadata.uid)),
      ]),
    ],
    reconcile: (volume, run) => reconcileVolume(volume, deps, run),
    errorState: 'error',
    readiness: volumeReadiness,
    forget(key, volume) {
      deps.claimedVolumes.delete(key)
      deps.volumePromises.withdraw(volume)
    },
  }
}
