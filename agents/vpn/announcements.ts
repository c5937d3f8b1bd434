// SPDX-License-Identifier: Apache-2.0
import type { VpnDocument } from '../../lib/contract/documents.ts'
import { announceAddresses } from '../network/announce-address.ts'

/** What has been announced of the outer ports of VPNs. */
export class Announcements {
  readonly #byUid = new Map<string, string>()
  readonly #announce: typeof announceAddresses

  constructor(announce: typeof announceAddresses = announceAddresses) {
    this.#announce = announce
  }

  /**
   * Once for each time that the node has it: peers and routers outside know the address by the MAC of the node that had it before, also when this node
   * was away meanwhile, and never heard that it had lost it.
   * @param name of the namespace
   */
  async announce(name: string, { uid, spec, versions }: VpnDocument, signal: AbortSignal): Promise<void> {
    const { mac, addresses } = spec.outside
    const announced = { mac, addresses: addresses.map(({ address }) => address) }
    const text = JSON.stringify([announced, versions.incarnation, versions.epoch])
    if (this.#byUid.get(uid) === text) return
    await this.#announce(name, announced, signal)
    this.#byUid.set(uid, text)
  }

  forget(uid: string): void {
    this.#byUid.delete(uid)
  }
}
