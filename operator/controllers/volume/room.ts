// SPDX-License-Identifier: Apache-2.0
import type { StoragePool, Volume } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import type { VolumePromises } from './promises.ts'
import { grantedOf } from './granted-size.ts'

type PoolNode = NonNullable<NonNullable<StoragePool['status']>['nodes']>[number]

export interface RoomDeps {
  caches: Pick<Caches, 'volumes'>
  volumePromises: VolumePromises
}

/** As the schema has it: no more is promised than there is. */
export const DEFAULT_OVERCOMMIT_PERCENT = 100

/**
 * What can still be promised on a pool's node, in GiB: of the pool's size, times what it names as spec.overcommitPercent, what no volume was
 * promised; and not more than is free there, times the same, less what is promised to volumes that are not made, or have not grown, yet. The
 * first counts sizes, since files of volumes fill up only later, the second what else lies on the disk. As Cinder's
 * max_over_subscription_ratio.
 * @param asker the volume that asks: what it was promised a moment ago is what it asks for again
 */
export function roomOn(at: PoolNode, pool: StoragePool, asker: Volume, deps: RoomDeps): number {
  const percent = pool.spec.overcommitPercent ?? DEFAULT_OVERCOMMIT_PERCENT
  const { promised, unmade } = promisedOn(at.node, pool.metadata.name, deps, asker)
  const withRatio = (gib: number) => Math.floor((gib * percent) / 100)
  return Math.min(withRatio(at.totalGiB) - promised, withRatio(at.freeGiB) - unmade)
}

/** Sizes promised to all volumes that were placed there; and of these what is not made yet. */
function promisedOn(
  node: string,
  pool: string,
  { caches, volumePromises }: RoomDeps,
  asker?: Volume,
): { promised: number; unmade: number } {
  let promised = 0
  let unmade = 0
  for (const volume of caches.volumes.listBy('node', node)) {
    if (volume.status?.pool !== pool) continue
    const granted = grantedOf(volume)
    promised += granted
    unmade += granted - Math.min(granted, volume.status.sizeGiB ?? 0)
  }
  for (const moreGiB of volumePromises.beyond(caches, { node, pool, except: asker?.metadata.uid })) {
    promised += moreGiB
    unmade += moreGiB
  }
  return { promised, unmade }
}
