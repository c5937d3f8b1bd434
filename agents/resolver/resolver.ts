// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '../../lib/log.ts'
import { FairRate, type RateLimits } from '../metadata/fair-rate.ts'
import { RateLimit } from '../metadata/rate-limit.ts'
import { ask, type Transport } from './exchange.ts'
import { FairPlaces } from './fair-places.ts'
import { asEmpty, RCODE, rcodeOf, readQuery, toAnswer, withId, type Query } from './message.ts'
import { isUnder, staysInside } from './own-domain.ts'
import type { Upstreams } from './upstreams.ts'

export interface Asker {
  networkUid: string
  /** Of the guest; only on networks without port security can it be another's. */
  address: string
  /** The network's. */
  domain: string | undefined
  /** That the network is on. */
  providerNetwork?: string | undefined
}

export interface ResolverLimits extends RateLimits {
  /** Questions a second of one network, whatever addresses its guests claim. */
  networkPerSecond: number
  networkBurst: number
  /** Questions that wait for a server at one time. */
  openPerGuest: number
  openPerNetwork: number
  open: number
  /** What a network has of these whatever others ask. */
  sureOpenPerNetwork: number
  /** How long a server has to answer; all together have three times as long. */
  serverTimeoutMs: number
}

const DEFAULT_LIMITS: ResolverLimits = {
  ...{ requestsPerSecond: 100, burst: 300, networkPerSecond: 400, networkBurst: 1200 },
  ...{ nodeRequestsPerSecond: 1000, nodeBurst: 3000, sureRequestsPerSecond: 5, sureBurst: 50 },
  ...{ openPerGuest: 64, openPerNetwork: 256, open: 1024, sureOpenPerNetwork: 16, serverTimeoutMs: 1500 },
}

export interface ResolverOptions {
  upstreams: Upstreams
  log: Logger
  limits?: Partial<ResolverLimits>
}

/** Answers the guests of all networks of a node with what the node's name servers say. It keeps nothing: no guest learns what another has asked. */
export class Resolver {
  readonly #options: ResolverOptions
  readonly #limits: ResolverLimits
  readonly #rate: FairRate
  readonly #networkRate: RateLimit
  readonly #open: FairPlaces

  constructor(options: ResolverOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#rate = new FairRate(this.#limits)
    this.#networkRate = new RateLimit({ perSecond: this.#limits.networkPerSecond, burst: this.#limits.networkBurst })
    const { openPerGuest: perGuest, openPerNetwork: perNetwork, open: all, sureOpenPerNetwork } = this.#limits
    this.#open = new FairPlaces({ perGuest, perNetwork, all, surePerNetwork: sureOpenPerNetwork })
  }

  /** Undefined: nothing is answered, because it is no question or too many were asked. */
  async answer(message: Buffer, asker: Asker, transport: Transport): Promise<Buffer | undefined> {
    const { networkUid } = asker
    const guest = `${networkUid}/${asker.address}`
    const now = performance.now()
    if (!this.#networkRate.take(networkUid, now) || !this.#rate.take(guest, now)) return undefined
    const read = readQuery(message)
    if (!read) return undefined
    if (read.refused !== undefined) return toAnswer(read.query, read.refused)
    if (staysInside(read.query.name, asker.domain)) return toAnswer(read.query, RCODE.noError)
    const place = this.#open.take(networkUid, guest)
    if (!place) return undefined
    try {
      return await this.#forward(read.query, asker, transport, place.signal)
    } finally {
      place.leave()
    }
  }

  /** @param signal aborts when the question gives way to another's: it fails */
  async #forward(
    query: Query,
    { domain, providerNetwork }: Asker,
    transport: Transport,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { upstreams, log } = this.#options
    const { serverTimeoutMs } = this.#limits
    const end = performance.now() + 3 * serverTimeoutMs
    const servers = upstreams.inOrder(performance.now(), providerNetwork)
    // The only server is asked again; of several each once.
    for (const server of servers.length === 1 ? [...servers, ...servers] : servers) {
      const left = Math.min(serverTimeoutMs, end - performance.now())
      if (left <= 0 || signal.aborted) break
      try {
        const answer = withId(await ask(server, query, transport, left, signal), query.id)
        const isOwn = domain !== undefined && isUnder(query.name, domain)
        return isOwn && rcodeOf(answer) === RCODE.absentName ? asEmpty(answer) : answer
      } catch (err) {
        if (signal.aborted) break
        upstreams.avoid(server, performance.now())
        log.debug({ err, server: server.address }, 'name server gave no answer')
      }
    }
    return toAnswer(query, RCODE.serverFailure)
  }
}
