// SPDX-License-Identifier: Apache-2.0
// A port whose owner chose options has rows of DHCP_Options of its own, one of each family: those of its subnet, and these.
import { mapOf, readString, type OvsNamedUuid, type OvsUuid } from '../../../lib/ovsdb/values.ts'
import type { LogicalPort } from '../logical-kinds.ts'
import { familyOf, normalPrefix, type AddressFamily } from './addresses.ts'
import { extraDhcpOptions } from './extra-dhcp.ts'
import { partMark } from './marks.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import { optionsOf } from './subnet-plan.ts'

/** The row of each family that has one; the others of the port go. */
export function planOwnDhcp(
  plan: Plan,
  { uid, extraDhcp = [] }: LogicalPort,
  nb: Northbound,
): Partial<Record<AddressFamily, OvsUuid | OvsNamedUuid>> {
  const left = nb.ownDhcp(uid)
  const own: Partial<Record<AddressFamily, OvsUuid | OvsNamedUuid>> = {}
  for (const { subnet, options } of extraDhcp) {
    const said = optionsOf(subnet)
    if (!said) continue
    const cidr = normalPrefix(subnet.cidr)
    const family = familyOf(cidr)
    const at = left.findIndex(({ row }) => familyOf(readString(row['cidr']) ?? '') === family)
    const [held] = at < 0 ? [] : left.splice(at, 1)
    const all = mapOf({ ...said, ...extraDhcpOptions(options, family) })
    own[family] = plan.ensure('DHCP_Options', held, { cidr, options: all, external_ids: partMark('PortDHCP', uid) })
  }
  for (const row of left) plan.remove('DHCP_Options', row)
  return own
}

export function planOwnDhcpRemoval(plan: Plan, uid: string, nb: Northbound): void {
  for (const row of nb.ownDhcp(uid)) plan.remove('DHCP_Options', row)
}
