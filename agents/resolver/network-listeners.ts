// SPDX-License-Identifier: Apache-2.0
import { stat } from 'node:fs/promises'
import { unlessMissing } from '../../lib/durable-files.ts'
import type { Logger } from '../../lib/log.ts'
import { someAtOnce } from '../../lib/some-at-once.ts'
import { namespaceFile } from '../metadata/network-namespace.ts'
import { closeSockets, openSockets, type NetworkSockets } from './namespace-sockets.ts'
import type { Resolver } from './resolver.ts'
import type { ServedNetwork } from './served-networks.ts'
import { TcpService } from './tcp-service.ts'

const PORT = 53
/** Namespaces that are opened at one time. */
const AT_ONCE = 4

interface Held {
  sockets: NetworkSockets
  /** Which namespace they are in: one made anew under the same name needs new ones. */
  namespace: string
}

/** Sockets in the namespaces of all networks that are served, each with the questions of its guests. */
export class NetworkListeners {
  readonly #resolver: Resolver
  readonly #log: Logger
  readonly #held = new Map<string, Held>()
  readonly #tcp: TcpService
  #served: ReadonlyMap<string, ServedNetwork> = new Map()

  constructor(resolver: Resolver, log: Logger) {
    this.#resolver = resolver
    this.#log = log
    this.#tcp = new TcpService((message, networkUid, address) => this.#answer(message, networkUid, address, 'tcp'))
  }

  /** Opens and closes what differs. What could not be opened is tried again by the next call. */
  async follow(served: ReadonlyMap<string, ServedNetwork>, signal: AbortSignal): Promise<void> {
    this.#served = served
    for (const uid of this.#held.keys()) if (!served.has(uid)) this.#close(uid)
    await someAtOnce([...served.keys()], AT_ONCE, (uid) => this.#ensure(uid, signal))
  }

  close(): void {
    for (const uid of [...this.#held.keys()]) this.#close(uid)
  }

  async #ensure(uid: string, signal: AbortSignal): Promise<void> {
    const namespace = await unlessMissing(async () => {
      const { dev, ino } = await stat(namespaceFile(uid))
      return `${dev}/${ino}`
    }, undefined)
    const held = this.#held.get(uid)
    if (held && held.namespace === namespace) return
    if (held) this.#close(uid)
    if (namespace === undefined || signal.aborted) return
    try {
      const sockets = await openSockets(namespaceFile(uid), PORT, signal)
      this.#listen(uid, sockets)
      this.#held.set(uid, { sockets, namespace })
      this.#log.info({ networkUid: uid }, 'names resolved')
    } catch (err) {
      this.#log.warn({ err, networkUid: uid }, 'cannot listen on a network yet')
    }
  }

  #listen(uid: string, { udp, tcp }: NetworkSockets): void {
    const onError = (err: Error): void => this.#log.warn({ err, networkUid: uid }, 'a socket of a network failed')
    for (const socket of udp) {
      socket.on('error', onError)
      socket.on('message', (message, { address, port }: { address?: unknown; port: number }) => {
        // Without an address where Node finds no name for the interface of a link-local one (network-namespace.ts).
        if (typeof address !== 'string') return
        void this.#answer(message, uid, address, 'udp').then((answer) => {
          // A guest that is gone meanwhile, or a socket that was closed.
          if (answer && this.#isHeld(uid, socket)) socket.send(answer, port, address, () => undefined)
        })
      })
    }
    for (const server of tcp) {
      server.on('error', onError)
      server.on('connection', (socket) => this.#tcp.accept(uid, socket.remoteAddress ?? '', socket))
    }
  }

  async #answer(
    message: Buffer,
    networkUid: string,
    address: string,
    transport: 'udp' | 'tcp',
  ): Promise<Buffer | undefined> {
    const { domain, providerNetwork } = this.#served.get(networkUid) ?? {}
    return this.#resolver.answer(message, { networkUid, address, domain, providerNetwork }, transport)
  }

  #isHeld(uid: string, socket: NetworkSockets['udp'][number]): boolean {
    return this.#held.get(uid)?.sockets.udp.includes(socket) ?? false
  }

  #close(uid: string): void {
    const held = this.#held.get(uid)
    this.#held.delete(uid)
    if (held) closeSockets(held.sockets)
  }
}
