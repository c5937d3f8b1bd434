// SPDX-License-Identifier: Apache-2.0
// ImageStores name nothing; what is in them names them.
import type { ImageStore } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Caches } from '../../kind/row.ts'

/** The one of snapshots that name none: of several the oldest. */
export function findDefaultStore({ imageStores }: Pick<Caches, 'imageStores'>): ImageStore | undefined {
  return imageStores
    .list()
    .filter(({ spec, metadata }) => spec.default === true && metadata.deletionTimestamp === undefined)
    .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))[0]
}

function orderOf(store: ImageStore): string {
  return `${store.metadata.creationTimestamp ?? ''} ${keyOfObject(store)}`
}
