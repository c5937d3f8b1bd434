// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream'
import { LibvirtConnection, type ConnectionOptions } from './connection.ts'
import { ConsoleStream } from './console-stream.ts'
import type { DomainRef } from './error.ts'
import { EVENTS, type DomainEvent } from './events.ts'
import { procedures, type ArgsOf, type Procedure, type Procedures, type ResultOf } from './procedures.ts'

const CALL_TIMEOUT_MS = 30_000
const RECONNECT_FIRST_MS = 100
const RECONNECT_MAX_MS = 5_000

/** A client for the life of the process: the next call, or `watch`, reopens a lost connection. */
export class LibvirtClient {
  readonly #options: ConnectionOptions
  #opening: Promise<LibvirtConnection> | undefined
  #connection: LibvirtConnection | undefined
  #closed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /**
   * One call by its name in `procedures`. Every call has a deadline: `signal`, and 30 s unless `timeoutMs` says otherwise. A call that was
   * cut off by a lost connection is not repeated here: only the caller knows whether it may run twice.
   */
  async call<N extends keyof Procedures>(
    name: N,
    args: ArgsOf<Procedures[N]>,
    signal: AbortSignal,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<ResultOf<Procedures[N]>> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    const connection = await this.#connect(deadline)
    const procedure = procedures[name] as unknown as Procedure<unknown, ResultOf<Procedures[N]>>
    return connection.call(procedure, args, deadline)
  }

  /** A call that is over only when the daemon has answered or the connection is gone, however long that takes. */
  async callToItsEnd<N extends keyof Procedures>(
    name: N,
    args: ArgsOf<Procedures[N]>,
  ): Promise<ResultOf<Procedures[N]>> {
    const never = new AbortController().signal
    const connection = await this.#connect(never)
    return connection.call(procedures[name] as unknown as Procedure<unknown, ResultOf<Procedures[N]>>, args, never)
  }

  /** A domain's console, on a connection of its own. */
  async openConsole(domain: DomainRef, flags: number, signal: AbortSignal): Promise<Duplex> {
    const connection = await LibvirtConnection.open(this.#options, signal)
    try {
      return await ConsoleStream.open(connection, domain, flags, signal)
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /**
   * Events until the signal aborts. `connected` is called after each (re)connection, once registered: earlier events were missed, so the
   * caller reads everything again.
   */
  async watch(
    listener: { event(event: DomainEvent): void; connected(): void; lost(error: unknown): void },
    signal: AbortSignal,
  ): Promise<void> {
    let delayMs = RECONNECT_FIRST_MS
    while (!signal.aborted) {
      try {
        const connection = await LibvirtConnection.open(this.#options, signal)
        const stop = (): void => connection.close()
        signal.addEventListener('abort', stop, { once: true })
        try {
          connection.onEvent = (event) => listener.event(event)
          for (const { id } of EVENTS) {
            await connection.call(procedures.registerEvent, { eventId: id, domain: undefined }, signal)
          }
          delayMs = RECONNECT_FIRST_MS
          listener.connected()
          const reason = await connection.closed
          if (!signal.aborted) listener.lost(reason)
        } finally {
          signal.removeEventListener('abort', stop)
          connection.close()
        }
      } catch (error) {
        if (signal.aborted) return
        listener.lost(error)
      }
      await pause(delayMs, signal)
      delayMs = Math.min(delayMs * 2, RECONNECT_MAX_MS)
    }
  }

  close(): void {
    this.#closed = true
    this.#connection?.close()
  }

  async #connect(signal: AbortSignal): Promise<LibvirtConnection> {
    if (this.#closed) throw new Error('this libvirt client was closed')
    if (this.#connection?.isOpen) return this.#connection
    // Shared by all waiting callers: must not end with the first one's signal, and has a time limit of its own.
    this.#opening ??= LibvirtConnection.open(this.#options, new AbortController().signal)
      .then((connection) => {
        this.#connection = connection
        if (this.#closed) connection.close()
        return connection
      })
      .finally(() => (this.#opening = undefined))
    const connection = await this.#opening
    signal.throwIfAborted()
    return connection
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}
