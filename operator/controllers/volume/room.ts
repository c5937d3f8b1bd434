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

/** The default in the CRD's schema: no more is promised than there is. */
export const DEFAULT_OVERCOMMIT_PERCENT = 100

/**
 * What can still be promised on a pool's node, in GiB: the lesser of (a) the pool's size times spec.overcommitPercent, less what volumes
 * were promised, and (b) its free space times the same, less what was promised to volumes not yet created or grown. (a) counts sizes, as
 * the volumes' files fill up only later; (b) accounts for whatever else is on the disk. Like Cinder's max_over_subscription_ratio.
 * @param asker the volume that asks: its own promise of a moment ago does not count against it
 */
export function roomOn(at: PoolNode, pool: StoragePool, asker: Volume, deps: RoomDeps): number {
  const percent = pool.spec.overcommitPercent ?? DEFAULT_OVERCOMMIT_PERCENT
  const { promised, unmade } = promisedOn(at.node, pool.metadata.name, deps, asker)
  const withRatio = (gib: number) => Math.floor((gib * percent) / 100)
  return Math.min(withRatio(at.totalGiB) - promised, withRatio(at.freeGiB) - unmade)
}

/** The sizes promised to all volumes placed there, and how much of that is not created yet. */
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
