// SPDX-License-Identifier: Apache-2.0
import { byUuid, type Operation } from '../../../lib/ovsdb/operations.ts'
import { readNumber, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { FoundRow } from './northbound.ts'

/** northd copies `nb_cfg` to `sb_cfg` once everything written before it is in the southbound database. */
export class NorthdPulse {
  #waitsSince: number | undefined

  /** @param now monotonic */
  update(global: OvsRow | undefined, now: number): void {
    const asked = readNumber(global?.['nb_cfg']) ?? 0
    const answered = readNumber(global?.['sb_cfg']) ?? 0
    if (answered >= asked) this.#waitsSince = undefined
    else this.#waitsSince ??= now
  }

  behindMs(now: number): number {
    return this.#waitsSince === undefined ? 0 : now - this.#waitsSince
  }

  get isWaiting(): boolean {
    return this.#waitsSince !== undefined
  }
}

/** Asks northd for a sign of life. */
export function probeOperations(global: FoundRow): Operation[] {
  return [{ op: 'mutate', table: 'NB_Global', where: byUuid(global.uuid), mutations: [['nb_cfg', '+=', 1]] }]
}
