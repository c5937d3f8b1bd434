// SPDX-License-Identifier: Apache-2.0
import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

interface ConnectionLimits {
  /** Of one address, that have not shown a certificate yet. */
  handshakes: number
  /** Of one peer. */
  perPeer: number
}

/**
 * Closes what one peer opens beyond its share, so that none takes all connections of a server, also before it has shown who it is.
 * @param server of HTTPS or TLS
 * @param nameOf whose the certificate is
 */
export function limitConnections(
  server: EventEmitter,
  { handshakes, perPeer }: ConnectionLimits,
  nameOf: (socket: TLSSocket) => string,
): void {
  const shaking = new Shares(handshakes)
  const shown = new Shares(perPeer)
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket
    const endpoint = endpointOf(socket)
    if (!shaking.take(remoteAddress, endpoint)) return void socket.destroy()
    socket.once('close', () => shaking.giveBack(remoteAddress, endpoint))
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    shaking.giveBack(socket.remoteAddress ?? '', endpointOf(socket))
    // Its end was announced already.
    if (socket.destroyed) return
    const name = nameOf(socket)
    if (!shown.take(name, socket)) return void socket.destroy()
    socket.once('close', () => shown.giveBack(name, socket))
  })
}

class Shares {
  readonly #most: number
  readonly #taken = new Map<string, Set<unknown>>()

  constructor(most: number) {
    this.#most = most
  }

  take(who: string, what: unknown): boolean {
    const taken = this.#taken.get(who) ?? new Set()
    if (taken.size >= this.#most) return false
    this.#taken.set(who, taken.add(what))
    return true
  }

  giveBack(who: string, what: unknown): void {
    const taken = this.#taken.get(who)
    taken?.delete(what)
    if (taken?.size === 0) this.#taken.delete(who)
  }
}

/** The same of a connection and of the TLS on it. */
function endpointOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
