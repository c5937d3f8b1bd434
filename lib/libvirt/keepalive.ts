// SPDX-License-Identifier: Apache-2.0
import { KEEPALIVE_PROGRAM, MessageStatus, MessageType, type Message } from './frame.ts'

const PING = 1
const PONG = 2

export interface KeepaliveOptions {
  /** After this much silence the daemon is pinged; after three times as much without an answer it counts as gone. */
  intervalMs: number
  /** Nothing is read at the moment, so that silence says nothing of the daemon. */
  isPaused: () => boolean
  send: (message: Message) => void
  onSilent: (silentMs: number) => void
}

/** libvirt's own keepalive (virkeepaliveprotocol), both ways: answers pings from the start, and sends them once started. */
export class Keepalive {
  readonly #options: KeepaliveOptions
  #lastHeardMs = performance.now()
  #timer: NodeJS.Timeout | undefined

  constructor(options: KeepaliveOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), this.#options.intervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Anything came from the daemon. */
  heard(): void {
    this.#lastHeardMs = performance.now()
  }

  /** A message of the keepalive's own program. */
  received({ procedure }: Message): void {
    if (procedure === PING) this.#options.send(messageOf(PONG))
  }

  #tick(): void {
    const { intervalMs, isPaused, send, onSilent } = this.#options
    const silentMs = performance.now() - this.#lastHeardMs
    if (silentMs > 3 * intervalMs) onSilent(silentMs)
    else if (silentMs >= intervalMs && !isPaused()) send(messageOf(PING))
    else if (isPaused()) this.#lastHeardMs = performance.now()
  }
}

function messageOf(procedure: number): Message {
  return {
    program: KEEPALIVE_PROGRAM,
    procedure,
    type: MessageType.event,
    serial: 0,
    status: MessageStatus.ok,
    payload: Buffer.alloc(0),
  }
}
