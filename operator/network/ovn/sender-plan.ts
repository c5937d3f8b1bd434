// SPDX-License-Identifier: Apache-2.0
// Who may send by a leg of a router: ovn-nb(5), Logical_Router_Policy, which judges what is routed once its way is known.
import { canonical, readUuids, setOf, uuidOf, type OvsNamedUuid, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalPortLeg, LogicalRouter } from '../logical-kinds.ts'
import { familyOf, normalPrefix } from './addresses.ts'
import { gatewayPortName } from './gateway-port-name.ts'
import { partMark } from './marks.ts'
import { quotedName } from './match-words.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import { routerPortName } from './router-port.ts'

const COLUMNS = ['priority', 'match', 'action', 'nexthops', 'external_ids'] as const
/** 0 to 32767. */
const SENDER_PRIORITY = 1_001
const REST_PRIORITY = 1_000

/** Identified by their content; policies of the router that are not ours are removed as well. @returns the rows that were added */
export function planSenders(
  plan: Plan,
  want: LogicalRouter,
  held: FoundRow | undefined,
  nb: Northbound,
): OvsNamedUuid[] {
  const missing = new Map(want.ports.flatMap((leg) => policiesOf(want, leg)).map((row) => [policyKey(row), row]))
  const surplus = readUuids(held?.row['policies'] ?? setOf([])).filter((uuid) => {
    const { row } = nb.get('Logical_Router_Policy', uuid) ?? {}
    return !row || !missing.delete(policyKey(row))
  })
  const added = [...missing.values()].map((row) => plan.insert('Logical_Router_Policy', row))
  // OVSDB collects the row of a policy that no router has.
  if (held) plan.exchange('Logical_Router', held.uuid, 'policies', { out: surplus.map(uuidOf), into: added })
  return added
}

function policiesOf({ uid, gateway }: LogicalRouter, leg: LogicalPortLeg): OvsRow[] {
  if (!leg.senders) return []
  const out = `outport == ${quotedName(routerPortName(uid, leg.uid))}`
  const external_ids = partMark('Sender', uid)
  const allow = (match: string): OvsRow => ({
    ...{ priority: SENDER_PRIORITY, match: `${out} && ${match}`, action: 'allow', external_ids },
  })
  const ranges = [...new Set(leg.senders.map(normalPrefix))].sort()
  const families = (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const those = ranges.filter((range) => familyOf(range) === family)
    return those.length === 0 ? [] : [allow(`${family === 'IPv4' ? 'ip4' : 'ip6'}.src == {${those.join(', ')}}`)]
  })
  return [
    ...families,
    // Whoever is outside has whatever address.
    ...(gateway ? [allow(`inport == ${quotedName(gatewayPortName(uid))}`)] : []),
    { priority: REST_PRIORITY, match: `${out} && ip`, action: 'drop', external_ids },
  ]
}

function policyKey(row: OvsRow): string {
  return COLUMNS.map((column) => canonical(row[column] ?? setOf([]))).join()
}
