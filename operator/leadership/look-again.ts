// SPDX-License-Identifier: Apache-2.0
import type { Waker } from '../../lib/loop/controller.ts'
import type { KindName } from '../kind/row.ts'
import { KIND_NAMES } from '../kinds.ts'
import type { TombstoneCollector } from '../placed/tombstone-collector.ts'

export type Controllers = Readonly<Record<KindName, Waker>>

/**
 * Requeues all objects and reconsiders all answered tombstones: after a hold (during which the loops drop keys), and in a new incarnation,
 * under which everything is published again.
 */
export function lookAgain(controllers: Controllers, collector: Pick<TombstoneCollector, 'considerAll'>): void {
  collector.considerAll()
  for (const name of KIND_NAMES) controllers[name].enqueueAll()
}
