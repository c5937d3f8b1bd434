// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { ConsoleChannel, ConsoleEnded } from '../lib/console/console-channel.ts'
import { decodeFrame, encodeFrame, type Frame, type OpenRequest } from '../lib/console/frame.ts'
import { consolesFor, parseConsoleSubject, toNodeConsole } from '../lib/contract/subjects.ts'
import type { Logger } from '../lib/log.ts'
import type { NatsConnection } from '../lib/nats/connect.ts'
import { within } from '../lib/within.ts'

/** What a node needs at most to open one is less. */
const OPEN_TIMEOUT_MS = 20_000

interface Session {
  readonly node: string
  readonly channel: ConsoleChannel
  readonly opened: PromiseWithResolvers<undefined>
}

const newNumber = (): string => randomBytes(16).toString('hex')

/** The consoles of all nodes, over the bus. What opens one is its token, which the node compares. */
export class NodeConsoles {
  readonly #nc: Pick<NatsConnection, 'publish'>
  readonly #log: Logger
  readonly #process = newNumber()
  readonly #sessions = new Map<string, Session>()

  constructor(nc: Pick<NatsConnection, 'publish' | 'subscribe'>, log: Logger) {
    this.#nc = nc
    this.#log = log
    nc.subscribe(consolesFor(this.#process), {
      callback: (error, message) => {
        if (error) log.error({ err: error }, 'the bus refuses consoles')
        else this.#hear(message.subject, message.data)
      },
    })
  }

  get open(): number {
    return this.#sessions.size
  }

  /** @throws ConsoleEnded when the node refuses, or says nothing */
  async connect(node: string, request: OpenRequest, signal: AbortSignal): Promise<ConsoleChannel> {
    const session = newNumber()
    const subject = toNodeConsole({ node, process: this.#process, session })
    const channel = new ConsoleChannel((message) => this.#nc.publish(subject, message))
    const opened = Promise.withResolvers<undefined>()
    this.#sessions.set(session, { node, channel, opened })
    channel.on('error', (error) => opened.reject(error))
    channel.on('close', () => this.#sessions.delete(session))
    const late = (): Error => new ConsoleEnded({ reason: 'NodeSilent', message: `node ${node} does not answer` })
    this.#nc.publish(subject, encodeFrame({ type: 'open', request }))
    try {
      await within(opened.promise, { timeoutMs: OPEN_TIMEOUT_MS, signal, late })
      return channel
    } catch (error) {
      channel.destroy(error as Error)
      throw error
    }
  }

  stop(): void {
    const end = { reason: 'ConsoleStopping', message: 'the console process is restarted: open the console again' }
    for (const { channel } of this.#sessions.values()) channel.destroy(new ConsoleEnded(end))
  }

  #hear(subject: string, data: Uint8Array): void {
    const at = parseConsoleSubject(subject)
    const session = at && this.#sessions.get(at.session)
    // Another node has no say in it.
    if (!session || session.node !== at.node) return
    let frame: Frame
    try {
      frame = decodeFrame(data)
    } catch (error) {
      this.#log.warn({ node: at.node, err: error }, 'a message of a console cannot be read')
      return
    }
    if (frame.type === 'opened') session.opened.resolve(undefined)
    else if (frame.type === 'end') session.opened.reject(new ConsoleEnded(frame.end))
    session.channel.receive(frame)
  }
}
