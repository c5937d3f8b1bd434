// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, STORAGE_POOL } from '../../../lib/api/kinds.ts'
import type { StoragePool } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { guarded } from '../common/definition.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { reconcileStoragePool } from './reconcile.ts'

export function storagePoolController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<StoragePool> {
  return {
    name: 'storage-pool',
    kind: STORAGE_POOL,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.computeNodes, () => deps.caches.storagePools.keys()),
      watchOf(informers.volumes, ({ status }) => (status?.pool === undefined ? [] : [status.pool])),
    ],
    reconcile: guarded(deps, async (pool) => reconcileStoragePool(pool, deps), 'error'),
  }
}
