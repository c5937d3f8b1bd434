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

/**
 * Places that networks share, and within each its guests: when all are taken, the network that holds most gives one up, and when its own are, it
 * does; of the guests there the one that holds most gives up its oldest.
 */
export class FairPlaces {
  readonly #limits: PlaceLimits
  /** The guest of each place by network, the oldest first. */
  readonly #held = new Map<string, Map<AbortController, string>>()
  #count = 0

  constructor(limits: PlaceLimits) {
    this.#limits = limits
  }

  /** Undefined: the guest has as many as it may. */
  take(networkUid: string, guest: string): Place | undefined {
    const { perGuest, perNetwork, all } = this.#limits
    const own = this.#held.get(networkUid)
    if (own && (countsOf(own.values()).get(guest) ?? 0) >= perGuest) return undefined
    if (own && own.size >= perNetwork) this.#giveUp(networkUid, guest)
    if (this.#count >= all) this.#makeRoom(networkUid, guest)
    const place = new AbortController()
    this.#held.set(networkUid, (this.#held.get(networkUid) ?? new Map<AbortController, string>()).set(place, guest))
    this.#count++
    return { signal: place.signal, leave: () => this.#leave(networkUid, place) }
  }

  #makeRoom(forNetwork: string, guest: string): void {
    // Of several that hold most, the one that asks for another.
    let [most, size] = [forNetwork, this.#held.get(forNetwork)?.size ?? 0]
    for (const [uid, places] of this.#held) if (places.size > size) [most, size] = [uid, places.size]
    if (size > this.#limits.surePerNetwork) this.#giveUp(most, guest)
  }

  /** @param asking has to, of several guests of the network that hold most */
  #giveUp(networkUid: string, asking: string): void {
    const places = this.#held.get(networkUid)
    if (!places) return
    const counts = countsOf(places.values())
    let [most, size] = [asking, counts.get(asking) ?? 0]
    for (const [guest, count] of counts) if (count > size) [most, size] = [guest, count]
    for (const [oldest, guest] of places) {
      if (guest !== most) continue
      this.#leave(networkUid, oldest)
      oldest.abort()
      return
    }
  }

  #leave(networkUid: string, place: AbortController): void {
    const places = this.#held.get(networkUid)
    if (!places?.delete(place)) return
    this.#count--
    if (places.size === 0) this.#held.delete(networkUid)
  }
}

function countsOf(guests: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const guest of guests) counts.set(guest, (counts.get(guest) ?? 0) + 1)
  return counts
}
