// SPDX-License-Identifier: Apache-2.0
import { RateLimit } from './rate-limit.ts'

export interface RateLimits {
  requestsPerSecond: number
  burst: number
  /** Shared by all guests of the node, beyond each guest's own share. */
  nodeRequestsPerSecond: number
  nodeBurst: number
  /** What each guest always gets, whatever others ask: a booting machine makes some tens of requests. */
  sureRequestsPerSecond: number
  sureBurst: number
}

/** A limit per guest and one for the whole node, which reserves a share for each guest that no other can use up. */
export class FairRate {
  readonly #guest: RateLimit
  readonly #sure: RateLimit
  readonly #node: RateLimit

  constructor(limits: RateLimits) {
    this.#guest = new RateLimit({ perSecond: limits.requestsPerSecond, burst: limits.burst })
    this.#sure = new RateLimit({ perSecond: limits.sureRequestsPerSecond, burst: limits.sureBurst })
    this.#node = new RateLimit({ perSecond: limits.nodeRequestsPerSecond, burst: limits.nodeBurst })
  }

  /** Whether this guest's request may be answered now. */
  take(guest: string, nowMs: number): boolean {
    if (!this.#guest.take(guest, nowMs)) return false
    return this.#sure.take(guest, nowMs) || this.#node.take('node', nowMs)
  }
}
