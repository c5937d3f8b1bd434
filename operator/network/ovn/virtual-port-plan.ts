// SPDX-License-Identifier: Apache-2.0
// A port that is no machine's, whose address others may use: ovn-nb(5), Logical_Switch_Port of type virtual. Whichever of its parents sends an
// ARP or ND message from the address last has it: that one's node claims the port, and routers learn the MAC address from the message.
import { readMap, readString } from '../../../lib/ovsdb/values.ts'
import type { LogicalPort } from '../logical-kinds.ts'
import { normalAddress } from './addresses.ts'
import { claimantsOf, PARENT_NODE_KEYS } from './gateway-claim.ts'
import type { FoundRow } from './northbound.ts'

export const VIRTUAL = 'virtual'

type Virtual = NonNullable<LogicalPort['virtual']>

/** Only parents on nodes that may claim it: an ovn-controller that is refused its claim does nothing else. */
export function virtualOptions({ address, parents }: Virtual): Record<string, string> {
  const nodes = nodesOf(parents)
  const allowed = parents.filter(({ node }) => nodes.includes(node)).map(({ portUid }) => portUid)
  return { 'virtual-ip': normalAddress(address), 'virtual-parents': allowed.join(',') }
}

/** Keys of external_ids, which northd copies to the binding: who may claim it. */
export function virtualMark(virtual: Virtual | undefined, held: FoundRow | undefined): Record<string, string> {
  if (!virtual) return {}
  const isOurs = readString(held?.row['type']) === VIRTUAL
  return claimantsOf(
    nodesOf(virtual.parents),
    isOurs && held ? readMap(held.row['external_ids']) : {},
    PARENT_NODE_KEYS,
  )
}

/** As many as the southbound role has keys for. */
function nodesOf(parents: Virtual['parents']): string[] {
  return [...new Set(parents.map(({ node }) => node))].slice(0, PARENT_NODE_KEYS.length)
}
