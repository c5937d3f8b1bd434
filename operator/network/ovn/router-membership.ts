// SPDX-License-Identifier: Apache-2.0
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import { setOf, uuidOf, type OvsNamedUuid, type OvsUuid } from '../../../lib/ovsdb/values.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'

/**
 * The port is on this router, and on no other.
 * @param routerUuid undefined: of one that this transaction makes, with the port
 * @param held the port's row, if it has one already
 */
export function planOnRouter(
  plan: Plan,
  nb: Northbound,
  routerUuid: string | undefined,
  held: FoundRow | undefined,
  port: OvsUuid | OvsNamedUuid,
): void {
  const routers = held ? nb.routersOf(held.uuid) : []
  if (routerUuid !== undefined && !routers.includes(routerUuid)) planPorts(plan, routerUuid, 'insert', port)
  for (const other of routers) if (held && other !== routerUuid) planPorts(plan, other, 'delete', uuidOf(held.uuid))
}

export function planPorts(
  plan: Plan,
  routerUuid: string,
  mutator: 'insert' | 'delete',
  port: OvsUuid | OvsNamedUuid,
): void {
  const mutations = [['ports', mutator, setOf([port])]] as const
  plan.push({ op: 'mutate', table: 'Logical_Router', where: byUuid(routerUuid), mutations })
}
