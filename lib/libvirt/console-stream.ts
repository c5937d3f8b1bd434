// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream'
import type { LibvirtConnection } from './connection.ts'
import type { DomainRef } from './error.ts'
import { MessageStatus } from './frame.ts'
import { procedures } from './procedures.ts'

/** What one packet carries at the most: libvirt's payload limit from before 1.0, which every release takes. */
const PACKET_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)

/**
 * A guest's console as a duplex stream. It owns its connection: pausing the reader pauses the socket, which stops libvirtd, and the
 * guest's output waits in its pty.
 */
export class ConsoleStream extends Duplex {
  readonly #connection: LibvirtConnection
  #serial = 0

  private constructor(connection: LibvirtConnection) {
    super({ allowHalfOpen: false, highWaterMark: PACKET_BYTES })
    this.#connection = connection
  }

  /** @param flags of virDomainOpenConsole: `Console.force` takes the console over from another reader */
  static async open(
    connection: LibvirtConnection,
    domain: DomainRef,
    flags: number,
    signal: AbortSignal,
  ): Promise<ConsoleStream> {
    const stream = new ConsoleStream(connection)
    const handler = {
      data: (chunk: Buffer): void => {
        if (!stream.push(Buffer.from(chunk))) connection.pause()
      },
      end: (error: Error | undefined): void => {
        if (error && !stream.destroyed) stream.destroy(error)
        else if (!error) stream.push(null)
      },
    }
    stream.#serial = await connection.callForStream(
      procedures.openConsole,
      { domain, device: undefined, flags },
      handler,
      signal,
    )
    return stream
  }

  override _read(): void {
    this.#connection.resume()
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let flowing = true
    for (let at = 0; at < chunk.length; at += PACKET_BYTES) {
      flowing = this.#send(MessageStatus.continue, chunk.subarray(at, at + PACKET_BYTES))
    }
    if (flowing) done()
    else void this.#connection.drained().then(() => done())
  }
  override _final(done: (error?: Error | null) => void): void {
    this.#send(MessageStatus.ok, NOTHING)
    done()
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // The connection carries this stream alone: its end is the stream's, and frees the console for the next reader.
    if (!this.writableFinished) this.#send(MessageStatus.error, NOTHING)
    this.#connection.close()
    done(error)
  }
  #send(status: number, payload: Buffer): boolean {
    return this.#connection.sendStream(procedures.openConsole.number, this.#serial, status, payload)
  }
}
