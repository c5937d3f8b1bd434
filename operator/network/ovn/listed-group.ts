// SPDX-License-Identifier: Apache-2.0
import { TerminalError } from '../../../lib/errors.ts'
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import { setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { planAcls } from './group-plan.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'

/** A name that can stand in a match as @name: ovn-sb(5), symbols. */
export function listedName(prefix: string, uid: string): string {
  if (!/^[a-z0-9-]+$/.test(uid)) throw new TerminalError('InvalidName', `${JSON.stringify(uid)} is not a uid`)
  return `${prefix}${uid.replaceAll('-', '_')}`
}

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
  if (added.length + surplus.length === 0) return
  const mutations = [
    ['ports', 'delete', setOf(surplus)],
    ['ports', 'insert', setOf(added)],
  ] as const
  plan.push({ op: 'mutate', table: 'Port_Group', where: byUuid(held.uuid), mutations })
}
