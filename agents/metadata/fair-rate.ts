// SPDX-License-Identifier: Apache-2.0
import { RateLimit } from './rate-limit.ts'

export interface RateLimits {
  requestsPerSecond: number
  burst: number
  /** Of all guests of the node together, beyond what each may always ask. */
  nodeRequestsPerSecond: number
  nodeBurst: number
  /** So much each guest is answered whatever others ask: a machine that boots asks some tens of times. */
  sureRequestsPerSecond: number
  sureBurst: number
}

/** A limit for each guest and one for all of the node, which leaves each guest a part that no other can use up. */
export class FairRate {
  readonly #guest: RateLimit
  readonly #sure: RateLimit
  readonly #node: RateLimit

  constructor(limits: RateLimits) {
    this.#guest = new RateLimit({ perSecond: limits.requestsPerSecond, burst: limits.burst })
    this.#sure = new RateLimit({ perSecond: limits.sureRequestsPerSecond, burst: limits.sureBurst })
    this.#node = new RateLimit({ perSecond: limits.nodeRequestsPerSecond, burst: limits.nodeBurst })
  }

  /** May this guest be answered? */
  take(guest: string, nowMs: number): boolean {
    if (!this.#guest.take(guest, nowMs)) return false
    return this.#sure.take(guest, nowMs) || this.#node.take('node', nowMs)
  }
}
