// SPDX-License-Identifier: Apache-2.0
import type { Waker } from '../../lib/loop/controller.ts'
import type { KindName } from '../kind/row.ts'
import { KIND_NAMES } from '../kinds.ts'
import type { TombstoneCollector } from '../placed/tombstone-collector.ts'

export type Controllers = Readonly<Record<KindName, Waker>>

/**
 * Has all objects looked at, and all answered tombstones: when what held everything back is over (a loop drops keys meanwhile), and in a
 * new incarnation, under which all is published again.
 */
export function lookAgain(controllers: Controllers, collector: Pick<TombstoneCollector, 'considerAll'>): void {
  collector.considerAll()
  for (const name of KIND_NAMES) controllers[name].enqueueAll()
}
