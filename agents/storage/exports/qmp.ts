// SPDX-License-Identifier: Apache-2.0
// QEMU's machine protocol over a Unix socket: one JSON object per line (docs/interop/qmp-spec.rst).
import { connect, type Socket } from 'node:net'
import { z } from 'zod'
import { within } from '../../../lib/within.ts'
import type { Authorization, ExportOptions, ServerCredentials, ServerOptions } from './daemon-arguments.ts'

/** The commands in use, with their arguments and results. */
export interface QmpCommands {
  qmp_capabilities: { args: undefined; result: unknown }
  'query-block-exports': { args: undefined; result: { id: string }[] }
  'block-export-add': { args: ExportOptions; result: unknown }
  'block-export-del': { args: { id: string; mode: 'safe' | 'hard' }; result: unknown }
  block_resize: { args: { 'node-name': string; size: number }; result: unknown }
  'nbd-server-start': { args: ServerOptions; result: unknown }
  'nbd-server-stop': { args: undefined; result: unknown }
  'object-add': { args: Authorization | ServerCredentials; result: unknown }
  'object-del': { args: { id: string }; result: unknown }
  'qom-list': { args: { path: string }; result: { name: string }[] }
  'qom-get': { args: { path: string; property: string }; result: unknown }
  quit: { args: undefined; result: unknown }
}

const Message = z.looseObject({
  QMP: z.unknown().optional(),
  id: z.number().optional(),
  return: z.unknown().optional(),
  error: z.looseObject({ class: z.string(), desc: z.string() }).optional(),
  event: z.string().optional(),
  data: z.looseObject({}).optional(),
})

export interface QmpEvent {
  name: string
  data: Record<string, unknown>
}

/** The program refused the command. */
export class QmpError extends Error {
  constructor(command: string, description: string) {
    super(`${command}: ${description}`)
    this.name = 'QmpError'
  }
}

const MAX_LINE_CHARACTERS = 4 * 1024 * 1024

interface Pending {
  resolve: (result: unknown) => void
  reject: (error: Error) => void
  command: string
}

export class QmpClient {
  readonly #socket: Socket
  readonly #pending = new Map<number, Pending>()
  readonly #listeners = new Set<(event: QmpEvent) => void>()
  /** Resolves when the connection is over, whoever ended it. */
  readonly closed: Promise<void>
  #open = true
  #next = 1
  #rest = ''
  #greeted!: () => void
  readonly #greeting = new Promise<void>((resolve) => (this.#greeted = resolve))

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#read(text))
    socket.on('error', () => undefined) // 'close' follows
    this.closed = new Promise((resolve) =>
      socket.on('close', () => {
        this.#open = false
        for (const { reject, command } of this.#pending.values()) reject(new Error(`${command}: the connection ended`))
        this.#pending.clear()
        resolve()
      }),
    )
  }

  /** @throws when nothing listens, or no greeting comes in time: a monitor serves one client at a time */
  static async connect(path: string, timeoutMs: number, signal: AbortSignal): Promise<QmpClient> {
    const socket = connect(path)
    const client = new QmpClient(socket)
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject)
        socket.once('connect', resolve)
      })
      await client.#within('greeting', client.#greeting, timeoutMs, signal)
      await client.execute('qmp_capabilities', undefined, { timeoutMs, signal })
      return client
    } catch (error) {
      client.close()
      throw error
    }
  }

  get isOpen(): boolean {
    return this.#open
  }

  close(): void {
    this.#socket.destroy()
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @throws QmpError when the command is refused; Error when the connection ends or no answer comes in time */
  async execute<C extends keyof QmpCommands>(
    command: C,
    args: QmpCommands[C]['args'],
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<QmpCommands[C]['result']> {
    if (!this.#open) throw new Error(`${command}: the connection ended`)
    const id = this.#next++
    const answer = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject, command }))
    this.#socket.write(
      `${JSON.stringify({ execute: command, id, ...(args === undefined ? {} : { arguments: args }) })}\n`,
    )
    try {
      return await this.#within(command, answer, timeoutMs, signal)
    } finally {
      this.#pending.delete(id)
    }
  }

  async #within<T>(what: string, work: Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T> {
    const ended = this.closed.then(() => Promise.reject(new Error(`${what}: the connection ended`)))
    const late = () => new Error(`${what}: no answer within ${timeoutMs} ms`)
    return within(Promise.race([work, ended]), { timeoutMs, signal, late })
  }

  #read(text: string): void {
    this.#rest += text
    if (this.#rest.length > MAX_LINE_CHARACTERS) return void this.#socket.destroy()
    const lines = this.#rest.split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') this.#take(line)
  }

  #take(line: string): void {
    let message: z.infer<typeof Message>
    try {
      message = Message.parse(JSON.parse(line))
    } catch {
      return void this.#socket.destroy() // not QMP
    }
    if (message.QMP !== undefined) {
      this.#greeted()
      return
    }
    if (message.event !== undefined) {
      for (const listener of this.#listeners) listener({ name: message.event, data: message.data ?? {} })
      return
    }
    const pending = message.id === undefined ? undefined : this.#pending.get(message.id)
    if (!pending) return
    if (message.error) pending.reject(new QmpError(pending.command, message.error.desc))
    else pending.resolve(message.return)
  }
}
