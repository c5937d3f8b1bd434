// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net'
import { RateLimit } from '../metadata/rate-limit.ts'
import { FrameReader, toFrame } from './frames.ts'

const IDLE_MS = 10_000
const MOST_PER_GUEST = 8
const MOST_PER_NETWORK = 128
/** New connections: a guest opens one for each answer that is too long for UDP. */
const GUEST_RATE = { perSecond: 20, burst: 64 }
const NETWORK_RATE = { perSecond: 100, burst: 256 }
/** Questions of a connection that wait; a guest may have no more. */
const MOST_WAITING = 64
/** Answers that wait for the guest to read them. */
const MOST_UNREAD_BYTES = 256 * 1024

/** Connections of guests: a few each, that end when nothing is asked, or when answers are not read. */
export class TcpService {
  readonly #answer: (message: Buffer, networkUid: string, address: string) => Promise<Buffer | undefined>
  readonly #open = new Map<string, number>()
  readonly #guestRate = new RateLimit(GUEST_RATE)
  readonly #networkRate = new RateLimit(NETWORK_RATE)

  constructor(answer: (message: Buffer, networkUid: string, address: string) => Promise<Buffer | undefined>) {
    this.#answer = answer
  }

  accept(networkUid: string, address: string, socket: Socket): void {
    const guest = `${networkUid}/${address}`
    const keys = [guest, networkUid]
    const now = performance.now()
    const isTooOften = !this.#guestRate.take(guest, now) || !this.#networkRate.take(networkUid, now)
    if (isTooOften || [MOST_PER_GUEST, MOST_PER_NETWORK].some((most, i) => this.#count(keys[i] ?? '') >= most)) {
      socket.destroy()
      return
    }
    for (const key of keys) this.#open.set(key, this.#count(key) + 1)
    socket.once('close', () => {
      for (const key of keys) {
        const left = this.#count(key) - 1
        if (left > 0) this.#open.set(key, left)
        else this.#open.delete(key)
      }
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
    })
    socket.on('data', (chunk) => {
      if (!socket.destroyed && !frames.push(chunk)) socket.destroy()
    })
  }

  async #reply(socket: Socket, message: Buffer, networkUid: string, address: string): Promise<void> {
    const answer = await this.#answer(message, networkUid, address)
    if (!answer || socket.destroyed || socket.writableLength > MOST_UNREAD_BYTES) socket.destroy()
    else socket.write(toFrame(answer))
  }

  #count(key: string): number {
    return this.#open.get(key) ?? 0
  }
}
