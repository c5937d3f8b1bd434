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
 * Room that was just promised and is not written yet, so that volumes placed or grown at the same time do not get it twice; like the
 * scheduler's claims. Lasts for one leadership: whatever is lost with it was never written.
 */
export class VolumePromises {
  readonly #made = new Map<string, VolumePromise>()
  #wake: (pool: string) => void = () => undefined

  /** Called with the pool when room that was promised is free again. @returns a function that unsubscribes */
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

  /** @param volume as stored: if the promised size was written, the room is taken and nobody is woken */
  withdraw(volume: Volume): void {
    const { uid } = volume.metadata
    const before = this.#made.get(uid)
    if (!before) return
    this.#made.delete(uid)
    const isStored = volume.status?.node !== undefined && grantedOf(volume) >= before.sizeGiB
    if (!isStored) this.#wake(before.pool)
  }

  /** What is promised on the pool's node beyond what is cached, per volume. Drops promises that are cached or whose volume is gone. */
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
