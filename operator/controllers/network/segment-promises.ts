// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'

/**
 * Segments that were just chosen and are not written yet, so that Networks that choose at the same time do not get the same one. Lasts for
 * one leadership: what is lost with it was never written.
 */
export class SegmentPromises {
  readonly #bySegment = new Map<string, string>()
  readonly #byNetwork = new Map<string, string>()

  make(uid: string, segment: string): void {
    this.withdraw(uid)
    this.#bySegment.set(segment, uid)
    this.#byNetwork.set(uid, segment)
  }

  /** The segment is written, or no longer wanted. */
  withdraw(uid: string): void {
    const segment = this.#byNetwork.get(uid)
    if (segment === undefined) return
    this.#byNetwork.delete(uid)
    this.#bySegment.delete(segment)
  }

  /** To whom the segment is promised. A promise ends with its Network. */
  find(segment: string, { networks }: Pick<Caches, 'networks'>): Network | undefined {
    const uid = this.#bySegment.get(segment)
    return uid === undefined ? undefined : networks.findByUid(uid)
  }
}
