// SPDX-License-Identifier: Apache-2.0
import type { Server } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { PortDocument } from '../../lib/contract/documents.ts'
import {
  METADATA_ADDRESS,
  METADATA_ADDRESS_V6,
  metadataMac,
  metadataPortName,
} from '../../lib/contract/metadata-port.ts'
import type { Logger } from '../../lib/log.ts'
import { deviceInstance } from '../network/host-links.ts'
import { isPluggedAs, type PortDriver, type SwitchPort } from '../network/port-driver.ts'
import type { NetworkService } from '../network/port-reconciler.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import { GuestDirectory } from './guest-directory.ts'
import { linkLocalOf } from './link-local.ts'
import { listenInNamespace } from './listener.ts'
import { MetadataServer, type MetadataLimits } from './metadata-server.ts'
import {
  ensureNamespace,
  fixNeighbours,
  freeNeighbours,
  INNER,
  listNamespaces,
  metadataDevice,
  namespaceFile,
  removeNamespace,
  type Neighbour,
} from './network-namespace.ts'
import { OneAtATime } from '../../lib/one-at-a-time.ts'

export interface MetadataServiceOptions {
  driver: PortDriver
  log: Logger
  limits?: Partial<MetadataLimits>
  /** The namespace of the port's network is set up. */
  onServed?(port: PortDocument): Promise<void>
  /** It goes. */
  onEnded?(networkUid: string): Promise<void>
}

/**
 * The metadata service of one node: for each network with a guest here it has a namespace with 169.254.169.254 and fe80::a9fe:a9fe on OVN's
 * localport, and listening sockets in it. Namespaces outlive the agent; its successor opens new sockets in them.
 */
export class MetadataService implements NetworkService {
  readonly #options: MetadataServiceOptions
  readonly #directory = new GuestDirectory()
  readonly #server: MetadataServer
  readonly #listeners = new Map<string, readonly Server[]>()
  /** The static neighbours of each port, and the namespace they were set in: a recreated namespace has none. */
  readonly #fixed = new Map<string, Fixed>()
  readonly #madeAs = new Map<string, string>()
  /** Changes to one network run one at a time: several of its ports are reconciled concurrently. */
  /** By network. */
  readonly #turns = new Map<string, OneAtATime>()

  constructor(options: MetadataServiceOptions) {
    this.#options = options
    const find = (networkUid: string, address: string) => this.#directory.find(networkUid, address)
    this.#server = new MetadataServer({ ...options, find })
  }

  async attach(port: PortDocument, context: RunContext): Promise<void> {
    const { networkUid, mtu, mac, fixedIPs } = port.spec
    await this.#inTurn(networkUid, async () => {
      await this.#serve(networkUid, mtu, context)
      await this.#options.onServed?.(port)
    })
    // Done before the guest can be answered.
    const neighbours = [...fixedIPs.map(({ address }) => address), linkLocalOf(mac)].map((address) => ({
      address,
      mac,
    }))
    if (!this.#isFixed(port.uid, networkUid, neighbours)) await fixNeighbours(networkUid, neighbours, context.signal)
    this.#fixed.set(port.uid, { networkUid, madeAs: this.#madeAs.get(networkUid), neighbours })
    this.#directory.add(port, context.state)
  }

  async detach(portUid: string, context: RunContext): Promise<void> {
    // After a restart the directory fills up as documents run: the network of a port that is removed early is the one that no other port
    // claims.
    const known = this.#directory.remove(portUid)
    const fixed = this.#fixed.get(portUid)
    this.#fixed.delete(portUid)
    const left = fixed?.neighbours.map(({ address }) => address).filter((address) => !this.#isHeld(fixed, address))
    if (fixed && left) await freeNeighbours(fixed.networkUid, left, context.signal)
    const networks = known === undefined ? await this.#listServed() : [known]
    for (const networkUid of networks) {
      await this.#inTurn(networkUid, async () => {
        if (!this.#isUsed(networkUid, context)) await this.#end(networkUid, context.signal)
      })
    }
  }

  /** Closes the sockets; the namespaces stay for the next agent. */
  stop(): void {
    for (const networkUid of [...this.#listeners.keys()]) this.#closeListeners(networkUid)
    this.#server.close()
  }

  async #serve(networkUid: string, mtu: number, context: RunContext): Promise<void> {
    const { driver, log } = this.#options
    const device = metadataDevice(networkUid)
    const plugged = driver.find('metadata', networkUid)
    const instance = await deviceInstance(device, context.bootId)
    const want = instance === undefined ? undefined : switchPort(networkUid, device, instance)
    if (this.#listeners.has(networkUid) && want && isPluggedAs(plugged, want) && !plugged?.error) return
    const hasIPv6 = await ensureNamespace(networkUid, mtu, context.signal)
    if (!hasIPv6) log.warn({ networkUid }, 'no IPv6 on this host: its guests are served by IPv4 alone')
    const made = await deviceInstance(device, context.bootId)
    if (made !== undefined) this.#madeAs.set(networkUid, made)
    if (made === undefined) throw new Error(`device ${device} disappeared while it was set up`)
    const port = switchPort(networkUid, device, made)
    if (!isPluggedAs(plugged, port) || plugged?.error) await driver.plug(port, context.signal)
    // A recreated namespace needs a new socket.
    if (made !== instance) this.#closeListeners(networkUid)
    if (this.#listeners.has(networkUid)) return
    const listeners = await listenOnAll(namespaceFile(networkUid), hasIPv6, context.signal)
    for (const listener of listeners) {
      listener.on('connection', (socket) => this.#server.accept(networkUid, socket))
      listener.on('error', (err) => log.warn({ err, networkUid }, 'metadata listener failed'))
    }
    this.#listeners.set(networkUid, listeners)
    log.info({ networkUid }, 'metadata served')
  }

  async #end(networkUid: string, signal: AbortSignal): Promise<void> {
    this.#closeListeners(networkUid)
    await this.#options.onEnded?.(networkUid)
    await this.#options.driver.unplug('metadata', networkUid, signal)
    await removeNamespace(networkUid, signal)
    this.#options.log.info({ networkUid }, 'metadata no longer served')
  }

  /** A namespace does not survive the host's reboot, but its port in the switch's database does. */
  async #listServed(): Promise<Set<string>> {
    const plugged = this.#options.driver.list().filter(({ kind }) => kind === 'metadata')
    return new Set([...(await listNamespaces()), ...plugged.map(({ uid }) => uid)])
  }

  #isUsed(networkUid: string, context: RunContext): boolean {
    if (this.#directory.hasPortOn(networkUid)) return true
    return context.state.list('port').some((port) => !port.tombstone && port.spec.networkUid === networkUid)
  }

  #isFixed(portUid: string, networkUid: string, neighbours: readonly Neighbour[]): boolean {
    const fixed = this.#fixed.get(portUid)
    const madeAs = this.#madeAs.get(networkUid)
    return (
      fixed?.networkUid === networkUid && fixed.madeAs === madeAs && isDeepStrictEqual(fixed.neighbours, neighbours)
    )
  }

  /** Another port may have the address by now. */
  #isHeld({ networkUid }: Fixed, address: string): boolean {
    return [...this.#fixed.values()].some(
      (other) => other.networkUid === networkUid && other.neighbours.some((n) => n.address === address),
    )
  }

  #closeListeners(networkUid: string): void {
    for (const listener of this.#listeners.get(networkUid) ?? []) listener.close()
    this.#listeners.delete(networkUid)
  }

  async #inTurn(networkUid: string, work: () => Promise<void>): Promise<void> {
    const turns = this.#turns.get(networkUid) ?? new OneAtATime()
    this.#turns.set(networkUid, turns)
    try {
      await turns.run(work)
    } finally {
      if (turns.isIdle) this.#turns.delete(networkUid)
    }
  }
}

/** @throws when any of its addresses cannot be listened at; none is left open then */
async function listenOnAll(file: string, hasIPv6: boolean, signal: AbortSignal): Promise<readonly Server[]> {
  const addresses = [METADATA_ADDRESS, ...(hasIPv6 ? [`${METADATA_ADDRESS_V6}%${INNER}`] : [])]
  const opened = await Promise.allSettled(addresses.map((address) => listenInNamespace(file, address, 80, signal)))
  const servers = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = opened.find((result) => result.status === 'rejected')
  if (!failed) return servers
  for (const server of servers) server.close()
  throw failed.reason
}

interface Fixed {
  networkUid: string
  madeAs: string | undefined
  neighbours: readonly Neighbour[]
}

function switchPort(networkUid: string, device: string, instance: string): SwitchPort {
  return {
    kind: 'metadata',
    uid: networkUid,
    logicalPort: metadataPortName(networkUid),
    mac: metadataMac(networkUid),
    type: 'device',
    device,
    instance,
  }
}
