// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import { grantedOf } from './granted-size.ts'

interface VolumePromise {
  node: string
  pool: string
  sizeGiB: number
}

/**
 * Room that was promised a moment ago, whose write is still under way: volumes that are placed or grow at the same time do not get it twice.
 * As the scheduler assumes placements. Of one leadership; what is lost with it was not written.
 */
export class VolumePromises {
  readonly #made = new Map<string, VolumePromise>()
  #wake: (pool: string) => void = () => undefined

  /** Room of the pool that was promised, and is had by nobody. */
  /** @returns ends that */
  onWithdrawn(wake: (pool: string) => void): () => void {
    this.#wake = wake
    return () => (this.#wake = () => undefined)
  }

  make(uid: string, promise: VolumePromise): void {
    const before = this.#made.get(uid)
    const { node, pool, sizeGiB } = promise
    this.#made.set(uid, { node, pool, sizeGiB })
    if (before && (before.node !== node || before.pool !== pool || before.sizeGiB > sizeGiB)) this.#wake(before.pool)
  }

  /** @param volume as it is stored: what was written is no promise any more, and nobody else gets it */
  withdraw(volume: Volume): void {
    const { uid } = volume.metadata
    const before = this.#made.get(uid)
    if (!before) return
    this.#made.delete(uid)
    const isStored = volume.status?.node !== undefined && grantedOf(volume) >= before.sizeGiB
    if (!isStored) this.#wake(before.pool)
  }

  /** What is promised on the pool's node beyond what the cache has, volume by volume. Forgets what the cache has, and who is gone. */
  *beyond(
    caches: Pick<Caches, 'volumes'>,
    at: { node: string; pool: string; except: string | undefined },
  ): Iterable<number> {
    for (const [uid, { node, pool, sizeGiB }] of this.#made) {
      const volume = caches.volumes.findByUid(uid)
      const isStored = volume?.status?.node !== undefined
      const known = isStored && volume ? grantedOf(volume) : 0
      if (!volume || known >= sizeGiB) this.#made.delete(uid)
      else if (node === at.node && pool === at.pool && uid !== at.except) yield sizeGiB - known
    }
  }
}
