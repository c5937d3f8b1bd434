// SPDX-License-Identifier: Apache-2.0
import { VOLUME } from '../../../lib/api/kinds.ts'
import type { StoragePool, Volume } from '../../../lib/api/types.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { askQuota, waitForQuota } from '../../quota/ask.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { amountsOf } from './kind.ts'
import { roomOn, type RoomDeps } from './room.ts'
import { POOL_FULL, whyFull } from './place.ts'
import { grantedOf, isGrowing } from './granted-size.ts'

/**
 * A larger spec.sizeGiB is granted if the pool has room for the difference, and saved before the node is told. Until then the volume keeps
 * its size and can be used, and the spec may go back to the granted size.
 * @returns what the volume waits for, or `saved`; undefined: nothing to grow
 */
export function planGrowth(
  volume: Volume,
  pool: StoragePool,
  deps: RoomDeps & Pick<OperatorDeps, 'quotas'>,
): Outcome | undefined {
  const status = (volume.status ??= {})
  const { uid } = volume.metadata
  if (!isGrowing(volume)) {
    keepSize(volume, deps)
    return undefined
  }
  const { node = '' } = status
  const { sizeGiB } = volume.spec
  const granted = grantedOf(volume)
  const at = pool.status?.nodes?.find((n) => n.node === node)
  if (!at || at.error !== undefined) {
    deps.volumePromises.withdraw(volume)
    return waitFor(
      'PoolUnavailable',
      `node ${node} does not say what room StoragePool ${pool.metadata.name} has there${at?.error === undefined ? '' : `: ${at.error}`}; the volume keeps its ${granted} GiB until it does`,
    )
  }
  const overQuota = askQuota(
    deps.quotas,
    VOLUME,
    volume,
    amountsOf(volume, sizeGiB),
    `the volume keeps its ${granted} GiB`,
  )
  if (overQuota) {
    deps.volumePromises.withdraw(volume)
    return waitForQuota(overQuota)
  }
  const room = roomOn(at, pool, volume, deps)
  if (sizeGiB - granted > room) {
    keepSize(volume, deps)
    const full = whyFull(pool, { roomGiB: room, wantedGiB: sizeGiB - granted })
    return waitFor(POOL_FULL, `${full}. The volume keeps its ${granted} GiB; spec.sizeGiB may go back to that`)
  }
  deps.volumePromises.make(uid, { node, pool: pool.metadata.name, sizeGiB })
  status.grantedGiB = sizeGiB
  return saved
}

/** Nothing more is wished for than what it has, or can be had: what was promised for that is others'. */
function keepSize(volume: Volume, deps: RoomDeps & Pick<OperatorDeps, 'quotas'>): void {
  deps.volumePromises.withdraw(volume)
  askQuota(deps.quotas, VOLUME, volume, amountsOf(volume, grantedOf(volume)))
}
