// SPDX-License-Identifier: Apache-2.0
import type { Caches } from '../common/deps.ts'
import { grantedOf } from './room.ts'

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

  make(uid: string, promise: VolumePromise): void {
    this.#made.set(uid, promise)
  }

  withdraw(uid: string): void {
    this.#made.delete(uid)
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
