// SPDX-License-Identifier: Apache-2.0

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024

/**
 * Splits a byte stream of JSON objects without separators (RFC 7047 section 4) into messages, by the depth of braces outside strings. Works
 * on bytes: a multi-byte character that is split over two chunks is never decoded in halves.
 */
export class JsonFramer {
  readonly #maxBytes: number
  #chunks: Buffer[] = []
  #length = 0
  #depth = 0
  #inString = false
  #escaped = false

  constructor(maxBytes = MAX_MESSAGE_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** Complete messages in order. Throws on what cannot be a stream of JSON objects. */
  push(chunk: Buffer): unknown[] {
    const messages: unknown[] = []
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH) this.#escaped = true
        else if (byte === QUOTE) this.#inString = false
      } else if (byte === QUOTE) {
        if (this.#depth === 0) throw new SyntaxError('OVSDB stream: a string outside of a message')
        this.#inString = true
      } else if (byte === OPEN) {
        if (this.#depth++ === 0) start = at
      } else if (byte === CLOSE) {
        if (--this.#depth < 0) throw new SyntaxError('OVSDB stream: a closing brace without a message')
        if (this.#depth === 0) {
          messages.push(this.#take(chunk.subarray(start, at + 1)))
          start = at + 1
        }
      } else if (this.#depth === 0 && !isSpace(byte)) {
        throw new SyntaxError('OVSDB stream: text outside of a message')
      }
    }
    if (this.#depth > 0) this.#keep(chunk.subarray(start))
    return messages
  }

  #keep(rest: Buffer): void {
    this.#length += rest.length
    if (this.#length > this.#maxBytes) throw new RangeError(`OVSDB message longer than ${this.#maxBytes} bytes`)
    this.#chunks.push(rest)
  }

  #take(last: Buffer): unknown {
    const whole = this.#chunks.length === 0 ? last : Buffer.concat([...this.#chunks, last])
    this.#chunks = []
    this.#length = 0
    return JSON.parse(whole.toString('utf8'))
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
