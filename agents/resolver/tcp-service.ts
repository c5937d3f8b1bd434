// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net'
import { FrameReader, toFrame } from './frames.ts'

const IDLE_MS = 10_000
const MOST_PER_GUEST = 8
const MOST_PER_NETWORK = 128
/** Answers that wait for the guest to read them. */
const MOST_UNREAD_BYTES = 256 * 1024

/** Connections of guests: a few each, that end when nothing is asked, or when answers are not read. */
export class TcpService {
  readonly #answer: (message: Buffer, networkUid: string, address: string) => Promise<Buffer | undefined>
  readonly #open = new Map<string, number>()

  constructor(answer: (message: Buffer, networkUid: string, address: string) => Promise<Buffer | undefined>) {
    this.#answer = answer
  }

  accept(networkUid: string, address: string, socket: Socket): void {
    const keys = [`${networkUid}/${address}`, networkUid]
    if ([MOST_PER_GUEST, MOST_PER_NETWORK].some((most, i) => this.#count(keys[i] ?? '') >= most)) {
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
    const frames = new FrameReader((message) => {
      clearTimeout(idle)
      idle = setTimeout(() => socket.destroy(), IDLE_MS).unref()
      void this.#reply(socket, message, networkUid, address)
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
