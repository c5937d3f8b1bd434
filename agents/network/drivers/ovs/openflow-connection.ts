// SPDX-License-Identifier: Apache-2.0
// What all versions of OpenFlow have in common, on a connection to a bridge's management socket, as ovs-ofctl(8) makes it, without starting that.
import type { Duplex } from 'node:stream'
import { connectRemote } from '../../../../lib/ovsdb/remote.ts'

/** By the number that stands in each message: 1 is OpenFlow 1.0, 4 is 1.3, 6 is 1.5. */
export type OpenFlowVersion = 1 | 4 | 6

export interface OpenFlowMessage {
  type: number
  /** After the header. */
  body: Buffer
}

const HEADER_BYTES = 8
export const NO_BUFFER = 0xffffffff
const [HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY] = [0, 1, 2, 3]
const BARRIER = { 1: { request: 18, reply: 19 }, 4: { request: 20, reply: 21 }, 6: { request: 20, reply: 21 } } as const

/** One reader: whatever nobody waits for is given to the next who waits. Use `openOpenFlow`, and `close` in any case. */
export class OpenFlowConnection {
  readonly #version: OpenFlowVersion
  readonly #stream: Duplex
  readonly #unseen: OpenFlowMessage[] = []
  #unread: Buffer = Buffer.alloc(0)
  #failure: Error | undefined
  #wake: () => void = () => undefined

  constructor(version: OpenFlowVersion, stream: Duplex) {
    this.#version = version
    this.#stream = stream
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('error', (error: Error) => this.#fail(error))
    stream.on('close', () => this.#fail(new Error('the bridge closed the connection')))
  }

  send(type: number, body: Buffer = Buffer.alloc(0)): void {
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt8(this.#version, 0)
    header.writeUInt8(type, 1)
    header.writeUInt16BE(HEADER_BYTES + body.length, 2)
    this.#stream.write(Buffer.concat([header, body]))
  }

  /**
   * The next message that `accept` makes something of; those before it are dropped.
   * @throws when the bridge refuses what it was sent, or is gone, or the signal aborts
   */
  async next<T>(accept: (message: OpenFlowMessage) => T | undefined, signal: AbortSignal): Promise<T> {
    for (;;) {
      for (let message = this.#unseen.shift(); message; message = this.#unseen.shift()) {
        const found = accept(message)
        if (found !== undefined) return found
      }
      if (this.#failure) throw this.#failure
      signal.throwIfAborted()
      await new Promise<void>((wake) => {
        this.#wake = () => {
          signal.removeEventListener('abort', this.#wake)
          wake()
        }
        signal.addEventListener('abort', this.#wake, { once: true })
      })
    }
  }

  /** Resolves once the bridge has done all that it was sent. */
  async barrier(signal: AbortSignal): Promise<void> {
    const { request, reply } = BARRIER[this.#version]
    this.send(request)
    await this.next(({ type }) => (type === reply ? true : undefined), signal)
  }

  close(): void {
    this.#stream.destroy()
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    while (this.#unread.length >= HEADER_BYTES) {
      const length = Math.max(this.#unread.readUInt16BE(2), HEADER_BYTES)
      if (this.#unread.length < length) break
      this.#take(this.#unread.readUInt8(1), this.#unread.subarray(HEADER_BYTES, length))
      this.#unread = this.#unread.subarray(length)
    }
  }

  #take(type: number, body: Buffer): void {
    if (type === ECHO_REQUEST) this.send(ECHO_REPLY, body)
    else if (type === ERROR) this.#fail(new Error(`the bridge refuses it: OpenFlow error ${describe(body)}`))
    else {
      this.#unseen.push({ type, body })
      this.#wake()
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }
}

/** @throws when the bridge takes none, or the signal aborts */
export async function openOpenFlow(
  socket: string,
  version: OpenFlowVersion,
  signal: AbortSignal,
): Promise<OpenFlowConnection> {
  const connection = new OpenFlowConnection(
    version,
    await connectRemote({ transport: 'unix', path: socket }, undefined, signal),
  )
  try {
    connection.send(HELLO)
    await connection.next(({ type }) => (type === HELLO ? true : undefined), signal)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/** `type/code`, as the specification numbers them. */
function describe(body: Buffer): string {
  return body.length < 4 ? 'without a number' : `${body.readUInt16BE(0)}/${body.readUInt16BE(2)}`
}
