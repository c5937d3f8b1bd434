// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import { isGrowing } from './granted-size.ts'

/** Volumes without a place that name this type; '' for those that name none. */
export function listUnplaced(type: string, { volumes }: Pick<Caches, 'volumes'>): Volume[] {
  return volumes.listBy('type', type).filter((volume) => volume.status?.node === undefined)
}

/** Volumes that may be waiting for the pool: for a place, or for room to grow. */
export function listWaitingFor(pool: string, caches: Pick<Caches, 'volumes' | 'volumeTypes'>): Volume[] {
  const types = caches.volumeTypes.listBy('pool', pool).map(({ metadata }) => metadata.name)
  return [
    ...(types.length > 0 ? [...types, ''] : []).flatMap((type) => listUnplaced(type, caches)),
    ...caches.volumes.listBy('pool', pool).filter(isGrowing),
  ]
}
