// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net'
import { RateLimit } from '../metadata/rate-limit.ts'
import { FairPlaces } from './fair-places.ts'
import { FrameReader, toFrame } from './frames.ts'
import { MOST_BYTES } from './message.ts'
import { whoGivesWay, type Unread } from './unread.ts'

const IDLE_MS = 10_000
const CONNECTIONS = { perGuest: 8, perNetwork: 128, all: 512, surePerNetwork: 8 }
/** New connections: a guest opens one for each answer that is too long for UDP. */
const GUEST_RATE = { perSecond: 20, burst: 64 }
const NETWORK_RATE = { perSecond: 100, burst: 256 }
/** Questions of a connection that wait; a guest may have no more. */
const MOST_WAITING = 64
/** Answers that wait for the guest to read them. */
const MOST_UNREAD_BYTES = 256 * 1024
/** Of the whole process, whose memory is limited. */
const MOST_UNREAD_BYTES_OF_ALL = 32 * 1024 * 1024

/** Connections of guests: a few each, that end when nothing is asked, or when answers are not read. */
export class TcpService {
  readonly #answer: (message: Buffer, networkUid: string, address: string) => Promise<Buffer | undefined>
  readonly #open = new FairPlaces(CONNECTIONS)
  readonly #sockets = new Map<Socket, string>()
  readonly #guestRate = new RateLimit(GUEST_RATE)
  readonly #networkRate = new RateLimit(NETWORK_RATE)

  constructor(answer: (message: Buffer, networkUid: string, address: string) => Promise<Buffer | undefined>) {
    this.#answer = answer
  }

  accept(networkUid: string, address: string, socket: Socket): void {
    const guest = `${networkUid}/${address}`
    const now = performance.now()
    const isTooOften = !this.#guestRate.take(guest, now) || !this.#networkRate.take(networkUid, now)
    const place = isTooOften ? undefined : this.#open.take(networkUid, guest)
    if (!place) {
      socket.destroy()
      return
    }
    place.signal.addEventListener('abort', () => socket.destroy())
    this.#sockets.set(socket, networkUid)
    socket.once('close', () => {
      place.leave()
      this.#sockets.delete(socket)
    })
    socket.on('error', () => undefined)
    // Counted from the last whole question: dripping bytes does not keep it open.
    let idle = setTimeout(() => socket.destroy(), IDLE_MS).unref()
    socket.once('close', () => clearTimeout(idle))
    let waiting = 0
    const frames = new FrameReader((message) => {
      clearTimeout(idle)
      idle = setTimeout(() => socket.destroy(), IDLE_MS).unref()
      if (++waiting > MOST_WAITING) frames.stop()
      else void this.#reply(socket, message, networkUid, address).finally(() => waiting--)
    }, MOST_BYTES)
    socket.on('data', (chunk) => {
      if (!socket.destroyed && !frames.push(chunk)) socket.destroy()
    })
  }

  async #reply(socket: Socket, message: Buffer, networkUid: string, address: string): Promise<void> {
    const answer = await this.#answer(message, networkUid, address)
    if (!answer || socket.destroyed || socket.writableLength > MOST_UNREAD_BYTES) socket.destroy()
    else if (!socket.write(toFrame(answer))) this.#endUnread()
  }

  /** Ends connections until what is unread of all together is no more than it may be. */
  #endUnread(): void {
    const unread: Unread<Socket>[] = []
    for (const [of, networkUid] of this.#sockets)
      if (!of.destroyed) unread.push({ of, networkUid, bytes: of.writableLength })
    for (const socket of whoGivesWay(unread, MOST_UNREAD_BYTES_OF_ALL)) socket.destroy()
  }
}
