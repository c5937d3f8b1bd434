// SPDX-License-Identifier: Apache-2.0
import { createConnection, type Socket } from 'node:net'
import { decodeMessage, encodeMessage, textOf, type ViciSection } from './message.ts'
import { OneAtATime } from '../one-at-a-time.ts'

const CMD_REQUEST = 0
const CMD_RESPONSE = 1
const CMD_UNKNOWN = 2
const EVENT_REGISTER = 3
const EVENT_CONFIRM = 5
const EVENT_UNKNOWN = 6
const EVENT = 7
/** vici's own limit of a segment. */
const MAX_SEGMENT_BYTES = 512 * 1024

/** What charon answered with `success = no`. */
export class ViciError extends Error {
  constructor(command: string, message: string) {
    super(`charon refuses ${command}: ${message}`)
    this.name = 'ViciError'
  }
}

export interface ViciOptions {
  timeoutMs: number
  onEvent?(name: string, message: ViciSection): void
  /** Once, also after close(). */
  onClose?(): void
}

interface Pending {
  resolve(message: ViciSection): void
  reject(error: Error): void
}

/** One connection to a charon. Requests wait for each other: the protocol has no numbers for them. */
export class ViciClient {
  readonly #socket: Socket
  readonly #options: ViciOptions
  #unread: Buffer = Buffer.alloc(0)
  #pending: Pending | undefined
  readonly #requests = new OneAtATime()
  #failure: Error | undefined

  /** @throws when nobody listens at the socket */
  static async connect(socketPath: string, options: ViciOptions): Promise<ViciClient> {
    const socket = createConnection({ path: socketPath })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new ViciClient(socket, options)
  }

  private constructor(socket: Socket, options: ViciOptions) {
    this.#socket = socket
    this.#options = options
    socket.removeAllListeners('error')
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => {
      this.#fail(new Error('charon has closed the connection'))
      options.onClose?.()
    })
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  /** @throws ViciError when charon says no */
  async request(command: string, message: ViciSection = {}): Promise<ViciSection> {
    const answer = await this.#send(CMD_REQUEST, command, encodeMessage(message))
    if (textOf(answer, 'success') === 'no') throw new ViciError(command, textOf(answer, 'errmsg') ?? 'no reason given')
    return answer
  }

  /** Events of this name come to onEvent from here on. */
  async subscribe(event: string): Promise<void> {
    await this.#send(EVENT_REGISTER, event, Buffer.alloc(0))
  }

  close(): void {
    this.#socket.destroy()
  }

  #send(type: number, name: string, message: Buffer): Promise<ViciSection> {
    return this.#requests.run(() => this.#exchange(type, name, message))
  }

  #exchange(type: number, name: string, message: Buffer): Promise<ViciSection> {
    if (this.#failure) return Promise.reject(this.#failure)
    const packet = Buffer.concat([Buffer.of(type, Buffer.byteLength(name)), Buffer.from(name), message])
    const header = Buffer.alloc(4)
    header.writeUInt32BE(packet.length)
    return new Promise((resolve, reject) => {
      // An answer that came later would be taken for that of the next request.
      const timer = setTimeout(() => {
        this.#fail(new Error(`charon does not answer ${name}`))
      }, this.#options.timeoutMs)
      const settle = (act: () => void) => {
        clearTimeout(timer)
        this.#pending = undefined
        act()
      }
      this.#pending = {
        resolve: (answer) => settle(() => resolve(answer)),
        reject: (error) => settle(() => reject(error)),
      }
      this.#socket.write(Buffer.concat([header, packet]))
    })
  }

  #read(bytes: Buffer): void {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes])
    try {
      while (this.#unread.length >= 4) {
        const length = this.#unread.readUInt32BE()
        if (length === 0 || length > MAX_SEGMENT_BYTES) throw new Error('charon sends a segment of a wrong length')
        if (this.#unread.length < 4 + length) return
        const packet = this.#unread.subarray(4, 4 + length)
        this.#unread = this.#unread.subarray(4 + length)
        this.#accept(packet)
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #accept(packet: Buffer): void {
    const type = packet.readUInt8()
    switch (type) {
      case CMD_RESPONSE:
        this.#pending?.resolve(decodeMessage(packet.subarray(1)))
        break
      case EVENT_CONFIRM:
        this.#pending?.resolve({})
        break
      case CMD_UNKNOWN:
      case EVENT_UNKNOWN:
        this.#pending?.reject(new Error('charon does not know this command or event'))
        break
      case EVENT: {
        const end = 2 + packet.readUInt8(1)
        const name = packet.subarray(2, end).toString('utf8')
        this.#options.onEvent?.(name, decodeMessage(packet.subarray(end)))
        break
      }
      default:
        throw new Error(`charon sends a packet of type ${type}`)
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#pending?.reject(error)
    this.#socket.destroy()
  }
}
