// SPDX-License-Identifier: Apache-2.0
import { setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'

/** The columns of a switch port that say by which VLAN tag it goes. Without tag_request northd leaves the tag as it is. ovn-nb(5). */
export function vlanColumns(vlan?: number): OvsRow {
  return { tag: setOf(vlan === undefined ? [] : [vlan]), tag_request: setOf([]) }
}
