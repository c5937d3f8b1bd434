// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '../../lib/log.ts'
import { AnswerCache } from './answer-cache.ts'
import type { MetadataSource } from './content.ts'
import { FairRate, type RateLimits } from './fair-rate.ts'

export interface MetadataServerOptions {
  /** The guest that has this address on this network, on this node. */
  find(networkUid: string, address: string): MetadataSource | undefined
  log: Logger
  limits?: Partial<MetadataLimits>
}

export interface MetadataLimits extends RateLimits {
  connectionsPerNetwork: number
  connectionsPerGuest: number
  requestTimeoutMs: number
}

const DEFAULT_LIMITS: MetadataLimits = {
  requestsPerSecond: 50,
  burst: 200,
  nodeRequestsPerSecond: 200,
  nodeBurst: 1000,
  sureRequestsPerSecond: 2,
  sureBurst: 60,
  connectionsPerNetwork: 512,
  connectionsPerGuest: 16,
  requestTimeoutMs: 10_000,
}

/**
 * Answers the guests of all networks of this node. A guest is identified by the network whose socket accepted the connection and by its
 * source address, which the switch's port security guarantees; never by anything in the request.
 */
export class MetadataServer {
  readonly #options: MetadataServerOptions
  readonly #limits: MetadataLimits
  readonly #http: Server
  readonly #rate: FairRate
  readonly #answers = new AnswerCache()
  readonly #origin = new WeakMap<Socket, { networkUid: string; address: string }>()
  readonly #open = new Map<string, number>()
  readonly #deadlines = new Map<Socket, NodeJS.Timeout>()

  constructor(options: MetadataServerOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#rate = new FairRate(this.#limits)
    // Node's own header and request timeouts work only in a server that listens itself: see #deadline.
    this.#http = createServer({ maxHeaderSize: 8192, headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 })
    this.#http.maxRequestsPerSocket = 1000
    this.#http.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response))
    this.#http.on('clientError', (_error: Error, socket: Socket) => socket.destroy())
  }

  /** A connection that a network's listener accepted. */
  accept(networkUid: string, socket: Socket): void {
    const address = addressOf(socket)
    const guest = `${networkUid}/${address}`
    const { connectionsPerGuest, connectionsPerNetwork } = this.#limits
    if (this.#count(guest) >= connectionsPerGuest || this.#count(networkUid) >= connectionsPerNetwork) {
      socket.destroy()
      return
    }
    if (socket.destroyed) return
    for (const key of [guest, networkUid]) this.#open.set(key, this.#count(key) + 1)
    this.#deadline(socket)
    socket.once('close', () => {
      clearTimeout(this.#deadlines.get(socket))
      this.#deadlines.delete(socket)
      for (const key of [guest, networkUid]) {
        const left = this.#count(key) - 1
        if (left > 0) this.#open.set(key, left)
        else this.#open.delete(key)
      }
    })
    this.#origin.set(socket, { networkUid, address })
    this.#http.emit('connection', socket)
  }

  close(): void {
    for (const socket of this.#deadlines.keys()) socket.destroy()
  }

  /** The time limit of each step: receiving a request's headers, or sending a response. Dripping bytes does not extend it. */
  #deadline(socket: Socket): void {
    clearTimeout(this.#deadlines.get(socket))
    const timer = setTimeout(() => socket.destroy(), this.#limits.requestTimeoutMs)
    this.#deadlines.set(socket, timer.unref())
  }

  #count(key: string): number {
    return this.#open.get(key) ?? 0
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.#deadline(request.socket)
    response.once('finish', () => {
      if (this.#deadlines.has(request.socket)) this.#deadline(request.socket)
    })
    const origin = this.#origin.get(request.socket)
    const source = origin && this.#options.find(origin.networkUid, origin.address)
    // Request bodies have no meaning here, and are not read.
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
    if (hasBody) response.shouldKeepAlive = false
    if (!origin || !source) {
      end(response, 404, 'text/plain', 'no guest of this network has your address\n')
      return
    }
    if (!this.#rate.take(`${origin.networkUid}/${origin.address}`, performance.now())) {
      response.shouldKeepAlive = false
      end(response, 429, 'text/plain', 'too many requests\n')
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      end(response, 405, 'text/plain', 'only GET\n')
      return
    }
    const answer = this.#answers.answer(source, request.url ?? '/')
    const { uid } = source.instance
    this.#options.log.debug(
      { networkUid: origin.networkUid, instance: uid, status: answer.status },
      'metadata answered',
    )
    end(response, answer.status, answer.type, answer.body)
  }
}

/** Without the zone of a link-local address. Empty, and so nobody's, where Node finds no name for it (network-namespace.ts). */
function addressOf(socket: Socket): string {
  try {
    return (socket.remoteAddress ?? '').replace(/^::ffff:/, '').replace(/%.*$/, '')
  } catch {
    return ''
  }
}

function end(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}
