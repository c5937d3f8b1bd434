// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, STORAGE_POOL } from '../../../lib/api/kinds.ts'
import type { StoragePool } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileStoragePool } from './reconcile.ts'
import type { OperatorInformers } from '../../kind/row.ts'

export function storagePoolController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<StoragePool> {
  return {
    name: 'storage-pool',
    kind: STORAGE_POOL,
    finalizer: FINALIZER,
    watches: [watchOf(informers.computeNodes, () => deps.caches.storagePools.keys())],
    sources: [({ enqueueAll }) => deps.bus.inventory.onChange(() => enqueueAll())],
    reconcile: async (pool) => reconcileStoragePool(pool, deps),
    errorState: 'error',
  }
}
