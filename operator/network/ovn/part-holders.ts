// SPDX-License-Identifier: Apache-2.0
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import { setOf, uuidOf, type OvsNamedUuid, type OvsUuid } from '../../../lib/ovsdb/values.ts'
import type { Northbound, PartsHolder } from './northbound.ts'
import type { Plan } from './plan.ts'

/** Where rows have parts: translations, limits, balancers. */
export interface PartsColumn {
  table: PartsHolder
  column: string
}

/** The part is in this column of the wanted rows, and of no others. `held`: uuid of its row, unless it is new. */
export function planHolders(
  plan: Plan,
  nb: Northbound,
  { table, column }: PartsColumn,
  { wanted, held, part }: { wanted: readonly string[]; held: string | undefined; part: OvsUuid | OvsNamedUuid },
): void {
  const present = held === undefined ? [] : nb.holdersOf(table, held)
  const mutate = (uuid: string, mutator: 'insert' | 'delete') =>
    plan.push({ op: 'mutate', table, where: byUuid(uuid), mutations: [[column, mutator, setOf([part])]] })
  for (const uuid of wanted) if (!present.includes(uuid)) mutate(uuid, 'insert')
  for (const uuid of present) if (!wanted.includes(uuid)) mutate(uuid, 'delete')
}

/** Out of all rows: OVSDB collects a part that none has. */
export function planOffHolders(plan: Plan, nb: Northbound, at: PartsColumn, { uuid }: { uuid: string }): void {
  planHolders(plan, nb, at, { wanted: [], held: uuid, part: uuidOf(uuid) })
}
