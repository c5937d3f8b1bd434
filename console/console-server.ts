// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { toEnd } from '../lib/console/console-channel.ts'
import { CONSOLE_PROTOCOL } from '../lib/console/protocol.ts'
import { Hello } from '../lib/console/websocket.ts'
import type { Logger } from '../lib/log.ts'
import { bridge, closeWith } from './bridge.ts'
import { parseConsolePath, type ConsolePath } from './console-path.ts'
import type { NodeConsoles } from './node-consoles.ts'
import { PageAnswers } from './page-answers.ts'
import type { Page } from './page-files.ts'

export interface ConsoleServerOptions {
  /** The one whose pages may open consoles; what is no browser names none. */
  origin: string
  listen: { host: string; port: number }
  /** PEM. */
  readTls: () => Pick<ServerOptions, 'cert' | 'key'>
  consoles: Pick<NodeConsoles, 'connect'>
  page: Page
  log: Logger
}

/** Open or about to be: each may keep two windows in memory. */
const MOST_SOCKETS = 256
/** Of all kinds: each that is open costs some tens of KiB. */
const MOST_CONNECTIONS = 1024
const HELLO_MS = 10_000
const MOST_MESSAGE_BYTES = 64 * 1024
const TLS_EVERY_MS = 3_600_000

/** Terminates the WebSockets of consoles, and has the page that opens them in a browser. */
export class ConsoleServer {
  readonly #options: ConsoleServerOptions
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #renewal: NodeJS.Timeout

  constructor(options: ConsoleServerOptions) {
    this.#options = options
    const answers = new PageAnswers(options.page, new URL(options.origin).host)
    const tls = { ...options.readTls(), minVersion: 'TLSv1.2', handshakeTimeout: HELLO_MS } as const
    this.#server = createServer(tls, (request, response) => answers.answer(request, response))
    this.#server.requestTimeout = HELLO_MS
    this.#server.maxConnections = MOST_CONNECTIONS
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#sockets = new WebSocketServer({
      ...{ noServer: true, maxPayload: MOST_MESSAGE_BYTES, perMessageDeflate: false },
      handleProtocols: (protocols) => (protocols.has(CONSOLE_PROTOCOL) ? CONSOLE_PROTOCOL : false),
    })
    this.#renewal = setInterval(() => this.#renewTls(), TLS_EVERY_MS)
    this.#renewal.unref()
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  listen(): Promise<void> {
    const { host, port } = this.#options.listen
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => resolve())
    })
  }

  /** The sessions have been ended before. */
  async close(): Promise<void> {
    clearInterval(this.#renewal)
    for (const socket of this.#sockets.clients) socket.close(1001)
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      setTimeout(() => this.#server.closeAllConnections(), 1_000).unref()
    })
  }

  #renewTls(): void {
    try {
      this.#server.setSecureContext(this.#options.readTls())
    } catch (error) {
      this.#options.log.error({ err: error }, 'the certificate cannot be read: the last one stays')
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until the library has it.
    socket.on('error', () => undefined)
    const path = parseConsolePath(request.url ?? '')
    const refusal = this.#whyRefused(request, path)
    if (refusal !== undefined || !path) {
      socket.end(`HTTP/1.1 ${refusal ?? ''}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => void this.#serve(webSocket, path))
  }

  #whyRefused({ headers }: IncomingMessage, path: ConsolePath | undefined): string | undefined {
    if (headers.origin !== undefined && headers.origin !== this.#options.origin) return '403 Forbidden'
    if (!path) return '404 Not Found'
    const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim())
    if (!protocols.includes(CONSOLE_PROTOCOL)) return '400 Bad Request'
    return this.#sockets.clients.size >= MOST_SOCKETS ? '503 Service Unavailable' : undefined
  }

  async #serve(socket: WebSocket, path: ConsolePath): Promise<void> {
    const { log, consoles } = this.#options
    const { node, machine, access } = path
    const gone = new AbortController()
    socket.on('close', () => gone.abort())
    socket.on('error', (error) => log.debug({ access, err: error }, 'a client broke the WebSocket'))
    try {
      const { token, window } = await readHello(socket, gone.signal)
      const channel = await consoles.connect(node, { machine, access, token }, gone.signal)
      log.info({ node, uid: machine, access }, 'console opened')
      channel.on('close', () => log.info({ node, uid: machine, access }, 'console closed'))
      bridge(socket, channel, window)
    } catch (error) {
      if (gone.signal.aborted) return
      const end = toEnd(error as Error)
      log.info({ node, uid: machine, access, reason: end.reason }, 'console not opened')
      closeWith(socket, end)
    }
  }
}

/** From then on the socket is paused. */
async function readHello(socket: WebSocket, gone: AbortSignal): Promise<Hello> {
  const first = Promise.withResolvers<Buffer>()
  socket.once('message', (data) => {
    socket.pause()
    first.resolve(data as Buffer)
  })
  const late = setTimeout(() => first.reject(badHello('no token came in time')), HELLO_MS)
  gone.addEventListener('abort', () => first.reject(gone.reason as Error), { once: true })
  try {
    return Hello.parse(JSON.parse((await first.promise).toString('utf8')))
  } catch (error) {
    throw gone.aborted || 'reason' in (error as object) ? error : badHello('the first message has to be {"token": "…"}')
  } finally {
    clearTimeout(late)
  }
}

function badHello(message: string): Error {
  return Object.assign(new Error(message), { reason: 'TokenMissing' })
}
