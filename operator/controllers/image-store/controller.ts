// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, IMAGE_STORE } from '../../../lib/api/kinds.ts'
import type { ImageStore } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileImageStore } from './reconcile.ts'

export function imageStoreController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<ImageStore> {
  return {
    name: 'image-store',
    kind: IMAGE_STORE,
    finalizer: FINALIZER,
    watches: [watchOf(informers.computeNodes, () => deps.caches.imageStores.keys())],
    sources: [({ enqueueAll }) => deps.bus.inventory.onChange(() => enqueueAll())],
    reconcile: async (store) => reconcileImageStore(store, deps),
    errorState: 'error',
  }
}
