// SPDX-License-Identifier: Apache-2.0
import type { StoragePool, Volume } from '../../../lib/api/types.ts'
import type { Caches } from '../common/deps.ts'

type PoolNode = NonNullable<NonNullable<StoragePool['status']>['nodes']>[number]

/** As the schema has it: no more is promised than there is. */
const DEFAULT_OVERCOMMIT_PERCENT = 100

/**
 * What can still be promised on a pool's node, in GiB: of the pool's size, times what it names as spec.overcommitPercent, what no volume was
 * promised; and not more than is free there, times the same, less what is promised to volumes that are not made yet. The first counts sizes,
 * since files of volumes fill up only later, the second what else lies on the disk. As Cinder's max_over_subscription_ratio. Pure.
 */
export function roomOn(at: PoolNode, pool: StoragePool, caches: Pick<Caches, 'volumes'>): number {
  const percent = pool.spec.overcommitPercent ?? DEFAULT_OVERCOMMIT_PERCENT
  const { promised, unmade } = promisedOn(at.node, pool.metadata.name, caches)
  const withRatio = (gib: number) => Math.floor((gib * percent) / 100)
  return Math.min(withRatio(at.totalGiB) - promised, withRatio(at.freeGiB) - unmade)
}

/** Sizes of all volumes that were placed there, one that grows by its new size; and of those that are not made yet. */
function promisedOn(node: string, pool: string, caches: Pick<Caches, 'volumes'>): { promised: number; unmade: number } {
  let promised = 0
  let unmade = 0
  for (const volume of caches.volumes.listBy('node', node)) {
    if (volume.status?.pool !== pool) continue
    promised += sizeOf(volume)
    if (volume.status.sizeGiB === undefined) unmade += volume.spec.sizeGiB
  }
  return { promised, unmade }
}

function sizeOf({ spec, status }: Volume): number {
  return Math.max(spec.sizeGiB, status?.sizeGiB ?? 0)
}
