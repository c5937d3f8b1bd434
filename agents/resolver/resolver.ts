// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '../../lib/log.ts'
import { FairRate, type RateLimits } from '../metadata/fair-rate.ts'
import { RateLimit } from '../metadata/rate-limit.ts'
import { ask, type Transport } from './exchange.ts'
import { asEmpty, RCODE, rcodeOf, readQuery, toAnswer, withId, type Query } from './message.ts'
import { isUnder, staysInside } from './own-domain.ts'
import type { Upstreams } from './upstreams.ts'

export interface Asker {
  networkUid: string
  /** Of the guest; only on networks without port security can it be another's. */
  address: string
  /** The network's. */
  domain: string | undefined
}

export interface ResolverLimits extends RateLimits {
  /** Questions a second of one network, whatever addresses its guests claim. */
  networkPerSecond: number
  networkBurst: number
  /** Questions that wait for a server at one time. */
  openPerGuest: number
  openPerNetwork: number
  open: number
  /** How long a server has to answer; all together have three times as long. */
  serverTimeoutMs: number
}

const DEFAULT_LIMITS: ResolverLimits = {
  ...{ requestsPerSecond: 100, burst: 300, networkPerSecond: 400, networkBurst: 1200 },
  ...{ nodeRequestsPerSecond: 1000, nodeBurst: 3000, sureRequestsPerSecond: 5, sureBurst: 50 },
  ...{ openPerGuest: 64, openPerNetwork: 256, open: 1024, serverTimeoutMs: 1500 },
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
  readonly #open = new Map<string, number>()

  constructor(options: ResolverOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#rate = new FairRate(this.#limits)
    this.#networkRate = new RateLimit({ perSecond: this.#limits.networkPerSecond, burst: this.#limits.networkBurst })
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
    const keys = [guest, networkUid, 'node']
    const { openPerGuest, openPerNetwork, open } = this.#limits
    if ([openPerGuest, openPerNetwork, open].some((most, i) => this.#count(keys[i] ?? '') >= most)) return undefined
    for (const key of keys) this.#open.set(key, this.#count(key) + 1)
    try {
      return await this.#forward(read.query, asker, transport)
    } finally {
      for (const key of keys) {
        const left = this.#count(key) - 1
        if (left > 0) this.#open.set(key, left)
        else this.#open.delete(key)
      }
    }
  }

  async #forward(query: Query, { domain }: Asker, transport: Transport): Promise<Buffer> {
    const { upstreams, log } = this.#options
    const { serverTimeoutMs } = this.#limits
    const end = performance.now() + 3 * serverTimeoutMs
    const servers = upstreams.inOrder(performance.now())
    // The only server is asked again; of several each once.
    for (const server of servers.length === 1 ? [...servers, ...servers] : servers) {
      const left = Math.min(serverTimeoutMs, end - performance.now())
      if (left <= 0) break
      try {
        const answer = withId(await ask(server, query, transport, left), query.id)
        const isOwn = domain !== undefined && isUnder(query.name, domain)
        return isOwn && rcodeOf(answer) === RCODE.absentName ? asEmpty(answer) : answer
      } catch (err) {
        upstreams.avoid(server, performance.now())
        log.debug({ err, server: server.address }, 'name server gave no answer')
      }
    }
    return toAnswer(query, RCODE.serverFailure)
  }

  #count(key: string): number {
    return this.#open.get(key) ?? 0
  }
}
