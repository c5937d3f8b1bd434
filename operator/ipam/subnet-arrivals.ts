// SPDX-License-Identifier: Apache-2.0

/** When this process first saw each subnet. An unknown subnet counts as long-standing. */
export class SubnetArrivals {
  readonly #at = new Map<string, number>()
  readonly #nowMs: () => number

  /** @param nowMs monotonic */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  arrived(subnetUid: string): void {
    if (!this.#at.has(subnetUid)) this.#at.set(subnetUid, this.#nowMs())
  }

  forget(subnetUid: string): void {
    this.#at.delete(subnetUid)
  }

  /** Time since the newest of these subnets arrived. */
  sinceLastMs(subnetUids: readonly string[]): number {
    return this.#nowMs() - Math.max(-Infinity, ...subnetUids.map((uid) => this.#at.get(uid) ?? -Infinity))
  }
}
