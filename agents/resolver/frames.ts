// SPDX-License-Identifier: Apache-2.0
// Messages over TCP have their length in front, in two bytes: RFC 1035 section 4.2.2.

export function toFrame(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** Length of a header, and so of the shortest message: RFC 1035 section 4.1.1. */
const LEAST_BYTES = 12

/** Calls back with each message once it is whole; keeps at most one that is not. */
export class FrameReader {
  readonly #onMessage: (message: Buffer) => void
  #held: Buffer = Buffer.alloc(0)
  readonly #mostBytes: number
  #stopped = false

  constructor(onMessage: (message: Buffer) => void, mostBytes = 0xffff) {
    this.#onMessage = onMessage
    this.#mostBytes = mostBytes
  }

  /** Nothing more is read, not even what has come already. */
  stop(): void {
    this.#stopped = true
  }

  /** @returns false once it was stopped, or at a length that no message has: the other end does not speak DNS, and nothing after it is read */
  push(chunk: Buffer): boolean {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    while (!this.#stopped && this.#held.length >= 2) {
      const length = this.#held.readUInt16BE(0)
      if (length < LEAST_BYTES || length > this.#mostBytes) return false
      const end = 2 + length
      if (this.#held.length < end) break
      this.#onMessage(Buffer.from(this.#held.subarray(2, end)))
      this.#held = this.#held.subarray(end)
    }
    // Copies, as the messages are: a part holds all that came with it.
    this.#held = Buffer.from(this.#held)
    return !this.#stopped
  }
}
