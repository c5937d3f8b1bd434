// SPDX-License-Identifier: Apache-2.0
// What volumes take of pools, and which wait for room: counted as volumes change, so that a scrape does not walk all of them.
import type { Volume } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import type { Informer } from '../../lib/informer/informer.ts'
import { grantedOf } from '../controllers/volume/granted-size.ts'
import { POOL_FULL } from '../controllers/volume/place.ts'

/** Of a volume that waits: its pool; of one without a place the name of its type, undefined for the default. */
export type Waiting = { pool: string } | { type: string | undefined }

export class VolumeCounts {
  readonly #promised = new Tally<{ pool: string; node: string }>()
  readonly #waiting = new Tally<Waiting>()

  constructor(volumes: Pick<Informer<Volume>, 'onChange'>) {
    volumes.onChange(({ old, object }) => {
      if (old) this.#add(old, -1)
      if (object) this.#add(object, 1)
    })
  }

  /** GiB by pool and node; of each that has any. */
  promised(): Iterable<[{ pool: string; node: string }, number]> {
    return this.#promised.entries()
  }

  /** How many volumes wait with PoolFull. */
  waiting(): Iterable<[Waiting, number]> {
    return this.#waiting.entries()
  }

  #add(volume: Volume, by: 1 | -1): void {
    const { spec, status } = volume
    const { node, pool, conditions } = status ?? {}
    if (node !== undefined && pool !== undefined) this.#promised.add({ pool, node }, by * grantedOf(volume))
    if (findCondition(conditions, 'Ready')?.reason === POOL_FULL)
      this.#waiting.add(pool === undefined ? { type: spec.volumeTypeRef?.name } : { pool }, by)
  }
}

/** Sums by labels; what comes to nothing is left out. */
class Tally<L extends object> {
  readonly #sums = new Map<string, { labels: L; sum: number }>()

  add(labels: L, by: number): void {
    const key = JSON.stringify(Object.entries(labels))
    const sum = (this.#sums.get(key)?.sum ?? 0) + by
    if (sum === 0) this.#sums.delete(key)
    else this.#sums.set(key, { labels, sum })
  }

  *entries(): Iterable<[L, number]> {
    for (const { labels, sum } of this.#sums.values()) yield [labels, sum]
  }
}
