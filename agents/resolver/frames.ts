// SPDX-License-Identifier: Apache-2.0
// Messages over TCP have their length in front, in two bytes: RFC 1035 section 4.2.2.

export function toFrame(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** Calls back with each message once it is whole; keeps at most one that is not. */
export class FrameReader {
  readonly #onMessage: (message: Buffer) => void
  #held: Buffer = Buffer.alloc(0)

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage
  }

  push(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    while (this.#held.length >= 2) {
      const end = 2 + this.#held.readUInt16BE(0)
      if (this.#held.length < end) return
      this.#onMessage(this.#held.subarray(2, end))
      this.#held = this.#held.subarray(end)
    }
  }
}
