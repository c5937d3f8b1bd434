// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { within } from '../within.ts'
import { CallSlots } from './call-slots.ts'
import { LibvirtDisconnected, LibvirtError, remoteError } from './error.ts'
import { findEvent, type DomainEvent } from './events.ts'
import {
  encodeMessage,
  KEEPALIVE_PROGRAM,
  MessageDecoder,
  MessageStatus,
  MessageType,
  QEMU_PROGRAM,
  REMOTE_PROGRAM,
  type Message,
} from './frame.ts'
import { Keepalive } from './keepalive.ts'
import { procedures, type Procedure } from './procedures.ts'
import { XdrReader, XdrWriter } from './xdr.ts'

export interface ConnectionOptions {
  socketPath: string
  /** Such as `qemu:///system` or `test:///default`. */
  uri: string
  /** After this much silence the daemon is pinged; twice as long without an answer ends the connection. */
  keepaliveMs?: number
}

export interface StreamHandler {
  data(chunk: Buffer): void
  /** The guest's end of file. The server keeps the stream until it is finished or aborted. */
  eof(): void
  /** The server has released the stream: it confirmed the end (undefined), or failed. */
  end(error: Error | undefined): void
}

interface Pending {
  readonly procedure: Procedure<never, unknown>
  resolve(value: unknown): void
  reject(error: Error): void
}

const CONNECT_TIMEOUT_MS = 5_000
const KEEPALIVE_MS = 5_000
const AUTH_NONE = 0

/** One connection to libvirtd; never reused once it is `closed` (LibvirtClient opens a new one). */
export class LibvirtConnection {
  readonly #socket: Socket
  readonly #decoder = new MessageDecoder()
  readonly #pending = new Map<number, Pending>()
  readonly #slots = new CallSlots()
  readonly #streams = new Map<number, StreamHandler>()
  readonly #closed = Promise.withResolvers<Error>()
  #serial = 0
  #error: Error | undefined
  readonly #keepalive: Keepalive
  /** Called for each event of a registration; must not throw. */
  onEvent: (event: DomainEvent) => void = () => undefined

  private constructor(socket: Socket, keepaliveMs: number) {
    this.#socket = socket
    this.#keepalive = new Keepalive({
      intervalMs: keepaliveMs,
      isPaused: () => socket.isPaused(),
      send: (message) => this.#write(message),
      onSilent: (ms) => this.#fail(new LibvirtDisconnected(`libvirt is silent for ${Math.round(ms)} ms`)),
    })
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => this.#fail(new LibvirtDisconnected('connection to libvirt broke', { cause: error })))
    socket.on('close', () => this.#fail(new LibvirtDisconnected('connection to libvirt was closed')))
  }

  /** @throws LibvirtDisconnected when the daemon is not reachable, LibvirtError when it refuses the URI */
  static async open(options: ConnectionOptions, signal: AbortSignal): Promise<LibvirtConnection> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)])
    const socket = createConnection(options.socketPath)
    try {
      await once(socket, 'connect', { signal: deadline })
    } catch (error) {
      socket.destroy()
      signal.throwIfAborted()
      throw new LibvirtDisconnected('libvirt does not answer', { cause: error })
    }
    const connection = new LibvirtConnection(socket, options.keepaliveMs ?? KEEPALIVE_MS)
    try {
      const auth = await connection.call(procedures.authList, undefined, deadline)
      if (!auth.types.includes(AUTH_NONE))
        throw new Error('libvirt wants an authentication that is not supported on its socket')
      await connection.call(procedures.connectOpen, { uri: options.uri, flags: 0 }, deadline)
    } catch (error) {
      connection.close()
      throw error
    }
    connection.#keepalive.start()
    return connection
  }

  get isOpen(): boolean {
    return this.#error === undefined
  }
  /** Resolves with the reason once the connection is gone. */
  get closed(): Promise<Error> {
    return this.#closed.promise
  }

  /**
   * One call. An aborted signal gives up waiting; the daemon may still carry the call out.
   * @throws LibvirtError, LibvirtDisconnected, or the signal's reason
   */
  async call<A, R>(procedure: Procedure<A, R>, args: A, signal: AbortSignal): Promise<R> {
    return (await this.#send(procedure, args, signal, undefined)).result
  }

  /** A call that opens a stream; from its reply on, `handler` receives what the server sends. @returns the stream's serial number */
  async callForStream<A, R>(
    procedure: Procedure<A, R>,
    args: A,
    handler: StreamHandler,
    signal: AbortSignal,
  ): Promise<number> {
    return (await this.#send(procedure, args, signal, handler)).serial
  }

  /** @returns false when the caller should wait for `drain` */
  sendStream(procedure: number, serial: number, status: number, payload: Buffer): boolean {
    return this.#write({ program: REMOTE_PROGRAM, procedure, type: MessageType.stream, serial, status, payload })
  }
  async drained(): Promise<void> {
    if (this.#socket.writableNeedDrain) await Promise.race([once(this.#socket, 'drain'), this.closed])
  }
  /** Back-pressure: the server stops sending once the socket's buffer is full. Only for a connection that carries one stream. */
  pause(): void {
    this.#socket.pause()
  }
  resume(): void {
    this.#socket.resume()
  }
  close(): void {
    this.#fail(new LibvirtDisconnected('connection to libvirt was closed by us'))
  }

  async #send<A, R>(procedure: Procedure<A, R>, args: A, signal: AbortSignal, handler: StreamHandler | undefined) {
    signal.throwIfAborted()
    const writer = new XdrWriter()
    procedure.args.encode(writer, args)
    const payload = Buffer.from(writer.bytes())
    this.#assertOpen()
    await this.#slots.take(signal)
    if (this.#error) {
      this.#slots.release()
      throw this.#error
    }
    const serial = ++this.#serial
    const reply = Promise.withResolvers<unknown>()
    this.#pending.set(serial, {
      procedure: procedure as unknown as Procedure<never, unknown>,
      resolve: reply.resolve,
      reject: reply.reject,
    })
    if (handler) this.#streams.set(serial, handler)
    this.#write({
      program: procedure.program ?? REMOTE_PROGRAM,
      procedure: procedure.number,
      type: MessageType.call,
      serial,
      status: MessageStatus.ok,
      payload,
    })
    try {
      return { result: (await within(reply.promise, { signal })) as R, serial }
    } catch (error) {
      this.#streams.delete(serial)
      throw error
    }
  }

  #assertOpen(): void {
    if (this.#error) throw this.#error
  }

  #write(message: Message): boolean {
    if (this.#error) return true
    return this.#socket.write(encodeMessage(message))
  }

  #receive(chunk: Buffer): void {
    this.#keepalive.heard()
    try {
      for (const message of this.#decoder.push(chunk)) this.#dispatch(message)
    } catch (error) {
      this.#fail(new LibvirtDisconnected('libvirt sent what is not its protocol', { cause: error }))
    }
  }

  #dispatch(message: Message): void {
    if (message.program === KEEPALIVE_PROGRAM) {
      this.#keepalive.received(message)
      return
    }
    if (message.program !== REMOTE_PROGRAM && message.program !== QEMU_PROGRAM) return
    if (message.type === MessageType.reply) this.#dispatchReply(message)
    else if (message.type === MessageType.stream) this.#dispatchStream(message)
    else if (message.type === MessageType.event) {
      const event = findEvent(message.procedure)
      if (event) this.onEvent(event.decode(new XdrReader(message.payload)))
    }
  }

  #dispatchReply(message: Message): void {
    const pending = this.#pending.get(message.serial)
    // An error about data sent on a stream arrives like the reply to a call.
    if (!pending) {
      this.#dispatchStream(message)
      return
    }
    this.#pending.delete(message.serial)
    this.#slots.release()
    const reader = new XdrReader(message.payload)
    try {
      if (message.status === MessageStatus.error) {
        pending.reject(new LibvirtError(pending.procedure.name, remoteError.decode(reader)))
      } else {
        pending.resolve(pending.procedure.result.decode(reader))
      }
    } catch (error) {
      pending.reject(
        new LibvirtDisconnected(`the answer to ${pending.procedure.name} cannot be read`, { cause: error }),
      )
      throw error
    }
  }

  #dispatchStream(message: Message): void {
    const handler = this.#streams.get(message.serial)
    if (!handler) return
    if (message.status === MessageStatus.continue) {
      if (message.payload.length > 0) handler.data(message.payload)
      else handler.eof()
      return
    }
    this.#streams.delete(message.serial)
    const failed = message.status === MessageStatus.error
    handler.end(failed ? new LibvirtError('stream', remoteError.decode(new XdrReader(message.payload))) : undefined)
  }

  #fail(error: Error): void {
    if (this.#error) return
    this.#error = error
    this.#keepalive.stop()
    this.#socket.destroy()
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
    for (const handler of this.#streams.values()) handler.end(error)
    this.#streams.clear()
    this.#slots.open() // each call that gets one finds the error
    this.#closed.resolve(error)
  }
}
