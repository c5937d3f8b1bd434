// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../lib/errors.ts'
import type { OvsNamedUuid, OvsUuid } from '../../../lib/ovsdb/values.ts'
import type { LogicalKind } from '../logical-kinds.ts'
import type { Northbound } from './northbound.ts'
import { planHolders } from './part-holders.ts'
import type { Plan } from './plan.ts'

const HOLDERS = ['Logical_Router', 'Logical_Switch'] as const
type Holder = (typeof HOLDERS)[number]

/** Rows, by their uuids, that a Load_Balancer is to be on. */
export type Places = Readonly<Record<Holder, readonly string[]>>

/** A router, whose gateway translates for the outside, and the networks that it joins, whose nodes do for their own guests. @throws TransientError while a row is missing */
export function placesOf(want: { routerUid: string; networkUids: readonly string[] }, nb: Northbound): Places {
  return {
    Logical_Router: [uuidIn('Router', want.routerUid, nb)],
    Logical_Switch: want.networkUids.map((uid) => uuidIn('Network', uid, nb)),
  }
}

function uuidIn(kind: LogicalKind, uid: string, nb: Northbound): string {
  const row = nb.find(kind, uid)
  if (!row) throw new TransientError('NetworkNotReady', `${kind.toLowerCase()} ${uid} is not in OVN yet`)
  return row.uuid
}

/** The balancer is on these rows, and on no others. `held`: its row, unless it is new. */
export function planPlaces(
  plan: Plan,
  nb: Northbound,
  { places, held, balancer }: { places: Places; held: string | undefined; balancer: OvsUuid | OvsNamedUuid },
): void {
  for (const table of HOLDERS)
    planHolders(plan, nb, { table, column: 'load_balancer' }, { wanted: places[table], held, part: balancer })
}
