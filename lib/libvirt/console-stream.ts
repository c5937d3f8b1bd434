// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LibvirtConnection } from './connection.ts'
import type { DomainRef } from './error.ts'
import { MessageStatus } from './frame.ts'
import { procedures } from './procedures.ts'

/** The most that one packet carries: libvirt's payload limit from before 1.0, which every release accepts. */
const PACKET_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)

/** A daemon that does not confirm within this time has another problem. */
const CONFIRM_TIMEOUT_MS = 5_000

/**
 * A guest's console as a duplex stream. It owns its connection: pausing the reader pauses the socket, which stops libvirtd, and the
 * guest's output waits in its pty.
 *
 * It is `closed` once libvirtd has confirmed its end. A connection that goes while its stream is open may hang libvirtd (seen with 11.3):
 * daemonStreamEvent, which finds the client gone, closes it with the lock in hand that closing takes.
 * https://gitlab.com/libvirt/libvirt/-/blob/v11.3.0/src/remote/remote_daemon_stream.c
 */
export class ConsoleStream extends Duplex {
  readonly #connection: LibvirtConnection
  readonly #released = Promise.withResolvers<undefined>()
  #isReleased = false
  #isFinished = false
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
        // Nobody reads what still arrives before the end is confirmed.
        if (!stream.destroyed && !stream.push(Buffer.from(chunk))) connection.pause()
      },
      eof: (): void => void stream.push(null),
      end: (error: Error | undefined): void => {
        stream.#isReleased = true
        stream.#released.resolve(undefined)
        if (error) stream.destroy(error)
        else stream.push(null)
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
    this.#isFinished = true
    if (!this.#isReleased) this.#send(MessageStatus.ok, NOTHING)
    done()
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    void this.#release().then(() => {
      // The connection carries only this stream.
      this.#connection.close()
      done(error)
    })
  }
  /** Resolves when libvirtd has released the stream, which frees the console for the next reader. */
  async #release(): Promise<void> {
    if (this.#isReleased || !this.#connection.isOpen) return
    if (!this.#isFinished) this.#send(MessageStatus.error, NOTHING)
    this.#connection.resume()
    const givenUp = sleep(CONFIRM_TIMEOUT_MS, undefined, { ref: false })
    await Promise.race([this.#released.promise, this.#connection.closed, givenUp])
  }
  #send(status: number, payload: Buffer): boolean {
    return this.#connection.sendStream(procedures.openConsole.number, this.#serial, status, payload)
  }
}
