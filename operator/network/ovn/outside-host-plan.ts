// SPDX-License-Identifier: Apache-2.0
// A host that is not in the cloud, on a physical network: ovn-nb(5), Logical_Switch_Port of type external. Its own frames never come to OVN;
// of the nodes in an HA_Chassis_Group the first that is alive answers its DHCP, ARP for the router and DNS.
import {
  isSameValue,
  readMap,
  readString,
  readUuids,
  setOf,
  type OvsNamedUuid,
  type OvsRow,
  type OvsUuid,
} from '../../../lib/ovsdb/values.ts'
import type { LogicalPort } from '../logical-kinds.ts'
import { claimantsOf } from './gateway-claim.ts'
import { partMark } from './marks.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'

export const OUTSIDE = 'external'
/** Of the preferred node: ovn-nb(5), HA_Chassis priority, 0 to 32767. */
const HIGHEST_PRIORITY = 100

/** The row's group of nodes; of a port of a machine none, and what is left of one goes. */
export function planServers(plan: Plan, want: LogicalPort, nb: Northbound): OvsRow {
  const { servedBy, uid } = want
  if (!servedBy) return { ha_chassis_group: setOf([]) }
  const name = groupName(uid)
  const external_ids = partMark('PortServers', uid)
  const held = nb.findNamed('HA_Chassis_Group', name)
  // One that another hand has put into two groups stays where it belongs.
  const present = readUuids(held?.row['ha_chassis'])
    .flatMap((uuid) => nb.get('HA_Chassis', uuid) ?? [])
    .filter(({ row }) => isSameValue(row['external_ids'] ?? setOf([]), external_ids))
  const members = servedBy.map((node, i): OvsUuid | OvsNamedUuid => {
    const row = { chassis_name: node, priority: HIGHEST_PRIORITY - i, external_ids }
    return plan.ensure(
      'HA_Chassis',
      present.find((member) => readString(member.row['chassis_name']) === node),
      row,
    )
  })
  const group = plan.ensure('HA_Chassis_Group', held, { name, ha_chassis: setOf(members), external_ids })
  return { ha_chassis_group: setOf([group]) }
}

/** OVSDB collects the group's members with it, but refuses to lose one that a port names. */
export function planServersRemoval(plan: Plan, uid: string, nb: Northbound): void {
  const held = nb.findNamed('HA_Chassis_Group', groupName(uid))
  if (!held) return
  const port = nb.findNamed('Logical_Switch_Port', uid)
  if (port) plan.ensure('Logical_Switch_Port', port, { ha_chassis_group: setOf([]) })
  plan.remove('HA_Chassis_Group', held)
}

/** Keys of external_ids, which northd copies to the binding: who may claim the port, as with a router's gateway. */
export function serversMark({ servedBy }: LogicalPort, held: FoundRow | undefined): Record<string, string> {
  if (!servedBy) return {}
  const isOurs = readString(held?.row['type']) === OUTSIDE
  return claimantsOf(servedBy, isOurs && held ? readMap(held.row['external_ids']) : {})
}

function groupName(uid: string): string {
  return `port-${uid}`
}
