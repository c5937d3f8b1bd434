// SPDX-License-Identifier: Apache-2.0
// libvirt's RPC framing (https://libvirt.org/kbase/internals/rpc.html): a length that counts itself, six header words, a payload.
import { XdrError } from './xdr.ts'

export const REMOTE_PROGRAM = 0x20008086
/** Calls that only QEMU's driver has. */
export const QEMU_PROGRAM = 0x20008087
export const KEEPALIVE_PROGRAM = 0x6b656570
const PROTOCOL_VERSION = 1

export const MessageType = { call: 0, reply: 1, event: 2, stream: 3, streamHole: 6 } as const
export const MessageStatus = { ok: 0, error: 1, continue: 2 } as const

const LENGTH_BYTES = 4
const HEADER_BYTES = LENGTH_BYTES + 24
/** The server's own limit for one message. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024 + LENGTH_BYTES

export interface Message {
  program: number
  procedure: number
  type: number
  serial: number
  status: number
  payload: Buffer
}

export function encodeMessage(message: Message): Buffer {
  const length = HEADER_BYTES + message.payload.length
  if (length > MAX_MESSAGE_BYTES) throw new XdrError(`message of ${length} bytes is above the protocol's limit`)
  const out = Buffer.alloc(length)
  const { program, procedure, type, serial, status } = message
  const words = [length, program, PROTOCOL_VERSION, procedure, type, serial, status]
  words.forEach((word, i) => out.writeUInt32BE(word, i * 4))
  message.payload.copy(out, HEADER_BYTES)
  return out
}

/** Cuts a byte stream into messages, however the bytes arrive. */
export class MessageDecoder {
  #chunks: Buffer[] = []
  #buffered = 0

  /** @throws XdrError for an impossible length: the connection cannot be used any more */
  push(chunk: Buffer): Message[] {
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
    const messages: Message[] = []
    while (this.#buffered >= LENGTH_BYTES) {
      const length = this.#join(LENGTH_BYTES).readUInt32BE(0)
      if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES) throw new XdrError(`impossible message length ${length}`)
      if (this.#buffered < length) break
      const joined = this.#join(length)
      messages.push(decodeMessage(joined.subarray(0, length)))
      this.#chunks[0] = joined.subarray(length)
      this.#buffered -= length
    }
    return messages
  }

  /** The first chunk, made to hold at least `bytes`. */
  #join(bytes: number): Buffer {
    const first = this.#chunks[0]
    if (first && first.length >= bytes) return first
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined
  }
}

function decodeMessage(bytes: Buffer): Message {
  const version = bytes.readUInt32BE(8)
  if (version !== PROTOCOL_VERSION) throw new XdrError(`protocol version ${version} is not ${PROTOCOL_VERSION}`)
  return {
    program: bytes.readUInt32BE(4),
    procedure: bytes.readUInt32BE(12),
    type: bytes.readUInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readUInt32BE(24),
    payload: bytes.subarray(HEADER_BYTES),
  }
}
