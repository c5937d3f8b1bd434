// SPDX-License-Identifier: Apache-2.0
import type { PortDocument } from '../../../lib/contract/documents.ts'
import type { NetworkService } from '../port-reconciler.ts'
import type { LoggedPacket } from './log-line.ts'

/** Which port of the node a logged packet was at. OVN's line does not say. */
export class PortDirectory implements NetworkService {
  readonly #ports = new Map<string, { mac: string; addresses: readonly string[] }>()
  readonly #byMac = new Map<string, Set<string>>()

  async attach({ uid, spec }: PortDocument): Promise<void> {
    await this.detach(uid)
    this.#ports.set(uid, { mac: spec.mac, addresses: spec.fixedIPs.map(({ address }) => address) })
    this.#byMac.set(spec.mac, (this.#byMac.get(spec.mac) ?? new Set()).add(uid))
  }

  async detach(uid: string): Promise<void> {
    const { mac } = this.#ports.get(uid) ?? {}
    this.#ports.delete(uid)
    const held = mac === undefined ? undefined : this.#byMac.get(mac)
    if (mac !== undefined && held?.delete(uid) && held.size === 0) this.#byMac.delete(mac)
  }

  /** By its MAC address; of several networks that have the same, by its address too. Undefined: it cannot be told. */
  find({ direction, sourceMac, destinationMac, flow }: LoggedPacket): string | undefined {
    const [mac, address] = direction === 'ingress' ? [destinationMac, flow.destination] : [sourceMac, flow.source]
    const uids = [...(this.#byMac.get(mac) ?? [])]
    if (uids.length === 1) return uids[0]
    const having = uids.filter((uid) => this.#ports.get(uid)?.addresses.includes(address))
    return having.length === 1 ? having[0] : undefined
  }
}
