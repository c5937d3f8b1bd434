// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { PortDocument, Tombstone } from '../../lib/contract/documents.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import type { PacketRateDriver, RatedPort } from './packet-rate-driver.ts'
import type { PortDriver } from './port-driver.ts'

/** OVN's daemon takes the bridge for its own and empties it when it starts, of which nobody is told. */
const LOOK_AGAIN_MS = 5000
/** Of all ports one looks for all of them, as long as they are the same. */
const LOOKED_MS = 4000

/** Keeps the switch to what the documents of the node's ports say of packet rates: all of them together, since numbers of interfaces are used again. */
export class PacketRates {
  readonly #ports: Pick<PortDriver, 'find'>
  readonly #driver: PacketRateDriver
  readonly #now: () => number
  /** What was limited at the last look; undefined: an agent before, or a look that failed, may have left some. */
  #had: { ports: readonly RatedPort[]; atMs: number } | undefined
  /** Ports that may still be limited in the switch, since no look came to its end after they were. */
  readonly #owed = new Set<string>()

  /** @param now in milliseconds, never set back */
  constructor(ports: Pick<PortDriver, 'find'>, driver: PacketRateDriver, now = () => performance.now()) {
    this.#ports = ports
    this.#driver = driver
    this.#now = now
  }

  /**
   * Called in each run of a port, once it is as it is to be in the switch. Costs nothing where it is not limited and was not.
   * @returns after how many milliseconds the next run is due; undefined: this port needs none
   */
  async keep(document: PortDocument | Tombstone, { state, signal }: RunContext): Promise<number | undefined> {
    const isWanted = !document.tombstone && document.spec.packetRates !== undefined
    if (!isWanted && this.#had && !this.#had.ports.some(({ uid }) => uid === document.uid)) return undefined
    const again = isWanted ? LOOK_AGAIN_MS : undefined
    const ports = state
      .list('port')
      .flatMap((one) => (one.tombstone ? [] : this.#rated(one)))
      .sort((a, b) => (a.uid < b.uid ? -1 : 1))
    const atMs = this.#now()
    if (this.#had && atMs - this.#had.atMs < LOOKED_MS && isDeepStrictEqual(ports, this.#had.ports)) return again
    try {
      await this.#driver.ensure(ports, signal)
    } catch (error) {
      const had = this.#had
      this.#had = undefined
      for (const { uid } of had?.ports ?? []) this.#owed.add(uid)
      // A node without OVN's bridge has no ports that are limited: the others are none the worse for it.
      if (isWanted || had || this.#owed.has(document.uid)) throw error
      return undefined
    }
    this.#had = { ports, atMs }
    this.#owed.clear()
    return again
  }

  /** Nothing of a port that the switch does not have, or has in the bridge of an SDN controller. */
  #rated({ uid, spec: { packetRates, parent } }: PortDocument): RatedPort[] {
    if (!packetRates) return []
    const plugged = this.#ports.find('port', parent?.portUid ?? uid)
    if (plugged?.ofport === undefined || plugged.controlled) return []
    const { egress, ingress } = packetRates
    return [
      {
        ...{ uid, ofport: plugged.ofport },
        ...(parent ? { vlan: parent.vlan } : {}),
        ...(egress ? { egress } : {}),
        ...(ingress ? { ingress } : {}),
      },
    ]
  }
}
