// SPDX-License-Identifier: Apache-2.0
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import { setOf, uuidOf, type OvsNamedUuid, type OvsUuid } from '../../../lib/ovsdb/values.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'

/**
 * The port is on this switch, and on no other: the database lets a port be on several, and northd then chooses one of them.
 * @param held its row, if it has one already
 */
export function planOnSwitch(
  plan: Plan,
  nb: Northbound,
  switchUuid: string,
  held: FoundRow | undefined,
  port: OvsUuid | OvsNamedUuid,
): void {
  if (!held || !nb.isOn(switchUuid, held.uuid)) {
    const mutations = [['ports', 'insert', setOf([port])]] as const
    plan.push({ op: 'mutate', table: 'Logical_Switch', where: byUuid(switchUuid), mutations })
  }
  if (held) planOffOthers(plan, nb, switchUuid, held)
}

/** Off whatever switch it is on, without asking the mirror which: OVSDB then collects the row and takes it out of all groups. */
export function planOffSwitch(plan: Plan, { uuid }: FoundRow): void {
  const port = setOf([uuidOf(uuid)])
  const where = [['ports', 'includes', port]] as const
  plan.push({ op: 'mutate', table: 'Logical_Switch', where, mutations: [['ports', 'delete', port]] })
}

/** @param switchUuid undefined: takes it off every switch */
export function planOffOthers(plan: Plan, nb: Northbound, switchUuid: string | undefined, held: FoundRow): void {
  for (const uuid of nb.switchesOf(held.uuid)) {
    if (uuid === switchUuid) continue
    const mutations = [['ports', 'delete', setOf([uuidOf(held.uuid)])]] as const
    plan.push({ op: 'mutate', table: 'Logical_Switch', where: byUuid(uuid), mutations })
  }
}
