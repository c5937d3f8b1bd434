// SPDX-License-Identifier: Apache-2.0
import { setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { planAcls } from './group-plan.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'

/** A Port_Group that is made with its ports, unlike those that ports join: it has just these ports and rules. */
export function planListedGroup(
  plan: Plan,
  held: FoundRow | undefined,
  {
    rules,
    ports,
    ...want
  }: { name: string; external_ids: OvsRow[string]; ports: readonly string[]; rules: readonly OvsRow[] },
  nb: Northbound,
): void {
  if (!held) {
    const acls = setOf(rules.map((rule) => plan.insert('ACL', rule)))
    plan.insert('Port_Group', { ...want, ports: setOf(ports.map(uuidOf)), acls })
    return
  }
  plan.ensure('Port_Group', held, want)
  planAcls(plan, held, rules, nb)
  const present = nb.portsOfGroup(held.uuid)
  const added = ports.filter((port) => !present.includes(port)).map(uuidOf)
  const surplus = present.filter((port) => !ports.includes(port)).map(uuidOf)
  plan.exchange('Port_Group', held.uuid, 'ports', { out: surplus, into: added })
}
