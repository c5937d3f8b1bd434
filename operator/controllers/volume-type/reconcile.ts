// SPDX-License-Identifier: Apache-2.0
import type { StoragePool, VolumeType } from '../../../lib/api/types.ts'
import type { Cache } from '../../../lib/informer/cache.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'

export function reconcileVolumeType(type: VolumeType, deps: { caches: { storagePools: Cache<StoragePool> } }): Outcome {
  const status = (type.status ??= {})
  const { name } = type.spec.storagePoolRef
  status.state = deps.caches.storagePools.find(undefined, name) ? 'ACTIVE' : 'ERROR'
  if (status.state === 'ACTIVE') return done
  return waitFor('StoragePoolNotFound', `StoragePool ${name} in spec.storagePoolRef does not exist: create it`)
}
