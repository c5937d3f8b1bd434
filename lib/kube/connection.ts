// SPDX-License-Identifier: Apache-2.0
import type { KubeConfig } from '@kubernetes/client-node'
import { createHash } from 'node:crypto'
import type { RequestOptions } from 'node:https'
import { Agent, ProxyAgent, type Dispatcher } from 'undici'

/** Current credentials and connection pools. */
export interface Connection {
  origin: string
  /** The path of a server that is not at the root (a proxy such as `kubectl proxy` or Rancher's). */
  basePath: string
  headers: Record<string, string>
  requests: Dispatcher
  /** Each watch holds a connection: in a common pool they would starve the requests. */
  watches: Dispatcher
}

type HttpsOptions = RequestOptions & { headers?: Record<string, string>; auth?: string | null }

/** How often files and tokens are checked; client-node's own token provider rereads its file once a minute. */
const REFRESH_MS = 10_000
const REQUEST_CONNECTIONS = 32

/**
 * Applies a KubeConfig (client-node: TLS, tokens, exec plug-ins, proxies) to connections that are kept open. client-node's own request path
 * makes a new connection pool, with a new TLS handshake, for every request (docs/decisions, client libraries).
 */
export class Connections {
  readonly #config: KubeConfig
  readonly #nowMs: () => number
  #current: { connection: Connection; fingerprint: string; readAtMs: number } | undefined
  #refreshing: Promise<Connection> | undefined

  constructor(config: KubeConfig, nowMs: () => number = () => performance.now()) {
    this.#config = config
    this.#nowMs = nowMs
  }

  async current(): Promise<Connection> {
    const held = this.#current
    if (held && this.#nowMs() - held.readAtMs < REFRESH_MS) return held.connection
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  /** Makes the next request reread credentials: the apiserver answered 401. */
  expire(): void {
    if (this.#current) this.#current.readAtMs = -Infinity
  }

  async close(): Promise<void> {
    const connection = this.#current?.connection
    this.#current = undefined
    if (connection) await Promise.all([connection.requests.destroy(), connection.watches.destroy()])
  }

  async #refresh(): Promise<Connection> {
    const cluster = this.#config.getCurrentCluster()
    if (!cluster) throw new Error('the kubeconfig has no current cluster')
    const options: HttpsOptions = {}
    await this.#config.applyToHTTPSOptions(options)
    const headers: Record<string, string> = { 'user-agent': 'nephele' }
    for (const [name, value] of Object.entries(options.headers ?? {}))
      headers[name.toLowerCase()] = String(value).trim()
    if (options.auth) headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`

    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }).filter(
        ([, v]) => v !== undefined,
      ),
    )
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([cluster.server, cluster.proxyUrl, tls]))
      .digest('hex')
    const held = this.#current
    const url = new URL(cluster.server)
    const pools = held?.fingerprint === fingerprint ? held.connection : this.#pools(tls)
    const connection = {
      origin: url.origin,
      basePath: url.pathname.replace(/\/$/, ''),
      headers,
      requests: pools.requests,
      watches: pools.watches,
    }
    this.#current = { connection, fingerprint, readAtMs: this.#nowMs() }
    // Requests on the old certificates may finish; watches end by their own time limit.
    if (held && held.fingerprint !== fingerprint) {
      void held.connection.requests.close()
      void held.connection.watches.close()
    }
    return connection
  }

  #pools(tls: object): Pick<Connection, 'requests' | 'watches'> {
    const cluster = this.#config.getCurrentCluster()
    const plan = this.#config.createDispatcherOptions(cluster, tls)
    if (plan.type === 'socks') throw new Error('socks proxies for the apiserver are not supported')
    // TCP keepalive detects a dead peer within 15 s + 10 probes of 1 s; a frozen one is detected by the watches' idle limit.
    const connect = {
      ...(plan.type === 'none' ? {} : plan.connect),
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
      timeout: 10_000,
    }
    // Not HTTP/2, which undici would choose: there, a request that is aborted while its body is being sent can make Node write empty frames
    // until all memory is used up. A Lease renewal in progress at a stop was enough.
    const pool = { connect, keepAliveTimeout: 60_000, pipelining: 1, allowH2: false }
    const make = (connections: number | null): Dispatcher =>
      plan.type === 'proxy'
        ? new ProxyAgent({ ...pool, uri: plan.uri, requestTls: plan.requestTls, connections })
        : new Agent({ ...pool, connections })
    return { requests: make(REQUEST_CONNECTIONS), watches: make(null) }
  }
}
