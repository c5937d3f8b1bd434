// SPDX-License-Identifier: Apache-2.0
import type { PortDocument } from '../../lib/contract/documents.ts'
import type { NodeState } from '../runtime/reconciler.ts'
import type { MetadataSource } from './content.ts'
import { linkLocalOf } from './link-local.ts'

/** Which guest has which address on which network, on this node. */
export class GuestDirectory {
  /** `network/address` to the port that owns it. */
  readonly #owners = new Map<string, string>()
  readonly #ports = new Map<string, { networkUid: string; addresses: string[] }>()
  #state: NodeState | undefined

  add(port: PortDocument, state: NodeState): void {
    this.#state = state
    const { networkUid, fixedIPs, mac } = port.spec
    const addresses = [...fixedIPs.map(({ address }) => address), linkLocalOf(mac)]
    const held = this.#ports.get(port.uid)
    if (held && held.networkUid === networkUid && held.addresses.join() === addresses.join()) return
    this.remove(port.uid)
    this.#ports.set(port.uid, { networkUid, addresses })
    for (const address of addresses) this.#owners.set(`${networkUid}/${address}`, port.uid)
  }

  /** Returns the network that the port was on, if it was known. */
  remove(portUid: string): string | undefined {
    const held = this.#ports.get(portUid)
    if (!held) return undefined
    this.#ports.delete(portUid)
    for (const address of held.addresses) {
      const key = `${held.networkUid}/${address}`
      if (this.#owners.get(key) === portUid) this.#owners.delete(key)
    }
    return held.networkUid
  }

  hasPortOn(networkUid: string): boolean {
    for (const port of this.#ports.values()) if (port.networkUid === networkUid) return true
    return false
  }

  /** Read from the current documents: a changed key or user data shows at the next request. */
  find(networkUid: string, address: string): MetadataSource | undefined {
    const portUid = this.#owners.get(`${networkUid}/${address}`)
    const state = this.#state
    if (portUid === undefined || !state) return undefined
    const port = state.find('port', portUid)
    if (!port || port.tombstone || port.spec.instanceUid === undefined) return undefined
    const instance = state.find('instance', port.spec.instanceUid)
    if (!instance || instance.tombstone) return undefined
    const ports = instance.spec.ports.flatMap(({ uid }) => {
      const document = state.find('port', uid)
      return document && !document.tombstone ? [document] : []
    })
    // A port counts only when the instance names it too, and one of a VLAN when it names the interface.
    const byWay = port.spec.parent?.portUid ?? portUid
    if (!ports.some(({ uid }) => uid === byWay)) return undefined
    return { instance, ports: [...ports, ...listSubports(ports, state)] }
  }
}

function listSubports(interfaces: readonly PortDocument[], state: NodeState): PortDocument[] {
  const uids = new Set(interfaces.map(({ uid }) => uid))
  const documents = state.list('port').flatMap((document) => (document.tombstone ? [] : [document]))
  return documents
    .filter(({ spec }) => spec.parent !== undefined && uids.has(spec.parent.portUid))
    .sort((a, b) => (a.uid < b.uid ? -1 : 1))
}
