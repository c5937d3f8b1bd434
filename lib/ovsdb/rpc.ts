// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream'
import { OvsdbConnectionError, toOvsdbError } from './errors.ts'
import { JsonFramer } from './framing.ts'

export interface JsonRpcOptions {
  /** Monitor updates and the like: messages without an id. */
  onNotification: (method: string, params: unknown) => void
  /** Called once, when the stream has ended for whatever reason. */
  onClose: (error: OvsdbConnectionError) => void
  /** After this much silence an echo is sent, and after as much again without any data the stream is destroyed. */
  probeIntervalMs: number
}

interface Pending {
  resolve(result: unknown): void
  reject(error: Error): void
}

interface Message {
  id?: unknown
  method?: unknown
  params?: unknown
  result?: unknown
  error?: unknown
}

/** JSON-RPC 1.0 as OVSDB speaks it, on a connected stream. Answers the server's `echo` requests, without which it would disconnect us. */
export class JsonRpcPeer {
  readonly #stream: Duplex
  readonly #options: JsonRpcOptions
  readonly #framer = new JsonFramer()
  readonly #pending = new Map<number, Pending>()
  readonly #probe: NodeJS.Timeout
  #nextId = 1
  #heard = true
  #probed = false
  #closed: OvsdbConnectionError | undefined

  constructor(stream: Duplex, options: JsonRpcOptions) {
    this.#stream = stream
    this.#options = options
    stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    stream.on('error', (error) => this.close('connection failed', error))
    stream.on('close', () => this.close('connection closed'))
    stream.on('end', () => this.close('connection ended by the server'))
    this.#probe = setInterval(() => this.#checkAlive(), options.probeIntervalMs)
    this.#probe.unref()
  }

  /**
   * @throws OvsdbError when the server answers with an error; OvsdbConnectionError when the stream ends before the answer;
   * the signal's reason when that comes first (the server may still act)
   */
  request(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed)
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#pending.delete(id)
        reject(signal.reason as Error)
      }
      const settle = (): void => signal.removeEventListener('abort', onAbort)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#pending.set(id, {
        resolve: (result) => {
          settle()
          resolve(result)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      })
      this.#send({ id, method, params })
    })
  }

  close(why: string, cause?: unknown): void {
    if (this.#closed) return
    const error = new OvsdbConnectionError(why, { cause })
    this.#closed = error
    clearInterval(this.#probe)
    this.#stream.destroy()
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
    this.#options.onClose(error)
  }

  #send(message: Message): void {
    this.#stream.write(JSON.stringify(message))
  }

  #receive(chunk: Buffer): void {
    this.#heard = true
    this.#probed = false
    try {
      for (const message of this.#framer.push(chunk)) {
        if (this.#closed) return
        this.#dispatch(message as Message)
      }
    } catch (error) {
      // The stream is out of step, or an update does not fit our cache: only starting over is safe.
      this.close('unusable message from the server', error)
    }
  }

  #dispatch(message: Message): void {
    if (typeof message.method === 'string') {
      if (message.method === 'echo') this.#send({ id: message.id, result: message.params, error: null })
      else this.#options.onNotification(message.method, message.params)
      return
    }
    const pending = typeof message.id === 'number' ? this.#pending.get(message.id) : undefined
    if (!pending) return
    this.#pending.delete(message.id as number)
    if (message.error !== null && message.error !== undefined) pending.reject(toOvsdbError(message.error))
    else pending.resolve(message.result)
  }

  #checkAlive(): void {
    if (this.#heard) {
      this.#heard = false
    } else if (!this.#probed) {
      this.#probed = true
      this.#send({ id: 'echo', method: 'echo', params: [] })
    } else {
      this.close(`no answer for ${2 * this.#options.probeIntervalMs} ms`)
    }
  }
}
