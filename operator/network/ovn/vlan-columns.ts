// SPDX-License-Identifier: Apache-2.0
import { setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'

/**
 * The columns of a switch port that say by which VLAN tag it goes and, for one of a guest's VLANs, by whose interface. Without tag_request
 * northd leaves the tag as it is. ovn-nb(5), Containers.
 */
export function vlanColumns(vlan?: number, parentName?: string): OvsRow {
  return {
    parent_name: setOf(parentName === undefined ? [] : [parentName]),
    tag: setOf(vlan === undefined ? [] : [vlan]),
    tag_request: setOf([]),
  }
}
