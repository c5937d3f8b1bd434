// SPDX-License-Identifier: Apache-2.0

export interface PlaceLimits {
  perGuest: number
  perNetwork: number
  /** Of the whole process. */
  all: number
  /** What no network has to give up, even when all are taken. */
  surePerNetwork: number
}

export interface Place {
  /** Aborts when the place is taken away. */
  signal: AbortSignal
  leave(): void
}

/** Places that networks share: when all are taken, the network that holds most gives up its oldest. */
export class FairPlaces {
  readonly #limits: PlaceLimits
  /** The guest of each place by network, the oldest first. */
  readonly #held = new Map<string, Map<AbortController, string>>()
  #count = 0

  constructor(limits: PlaceLimits) {
    this.#limits = limits
  }

  /** Undefined: the guest or its network has as many as it may. */
  take(networkUid: string, guest: string): Place | undefined {
    const { perGuest, perNetwork, all } = this.#limits
    const own = this.#held.get(networkUid) ?? new Map<AbortController, string>()
    if (own.size >= perNetwork || countOf(own.values(), guest) >= perGuest) return undefined
    if (this.#count >= all) this.#makeRoom(networkUid)
    const place = new AbortController()
    this.#held.set(networkUid, own.set(place, guest))
    this.#count++
    return { signal: place.signal, leave: () => this.#leave(networkUid, place) }
  }

  #makeRoom(forNetwork: string): void {
    // Of several that hold most, the one that asks for another.
    let [most, size] = [forNetwork, this.#held.get(forNetwork)?.size ?? 0]
    for (const [uid, places] of this.#held) if (places.size > size) [most, size] = [uid, places.size]
    if (size <= this.#limits.surePerNetwork) return
    const [oldest] = this.#held.get(most)?.keys() ?? []
    if (!oldest) return
    this.#leave(most, oldest)
    oldest.abort()
  }

  #leave(networkUid: string, place: AbortController): void {
    const places = this.#held.get(networkUid)
    if (!places?.delete(place)) return
    this.#count--
    if (places.size === 0) this.#held.delete(networkUid)
  }
}

function countOf(guests: Iterable<string>, guest: string): number {
  let count = 0
  for (const one of guests) if (one === guest) count++
  return count
}
