// SPDX-License-Identifier: Apache-2.0
import { canonical, readUuids, setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalRouter } from '../logical-kinds.ts'
import { familyOf, normalAddress, normalPrefix } from './addresses.ts'
import { partMark, readMark } from './marks.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'

const COLUMNS = ['type', 'external_ip', 'logical_ip', 'external_mac', 'logical_port', 'external_ids'] as const

/**
 * The translations by which machines without an address of their own reach the outside: one for each IPv4 subnet whose addresses are not
 * good there.
 */
export function snatRows({ uid, interfaces, ports, gateway }: LogicalRouter): OvsRow[] {
  const address = gateway?.snatAddress
  if (address === undefined) return []
  const joined = [...interfaces, ...ports.flatMap(({ addresses }) => addresses)].map(({ cidr }) => cidr)
  const ranges = new Set(joined.filter((cidr) => familyOf(cidr) === 'IPv4' && !gateway?.withoutSNAT?.includes(cidr)))
  return [...ranges].map((cidr) => ({
    type: 'snat',
    external_ip: normalAddress(address),
    logical_ip: normalPrefix(cidr),
    external_mac: setOf([]),
    logical_port: setOf([]),
    external_ids: partMark('SNAT', uid),
  }))
}

/** Identified by their content. Floating IPs have planners of their own; translations that are nobody's are removed. */
export function planSnat(plan: Plan, want: LogicalRouter, router: FoundRow, nb: Northbound): void {
  const missing = new Map(snatRows(want).map((row) => [natKey(row), row]))
  const surplus = readUuids(router.row['nat'] ?? setOf([])).filter((uuid) => {
    const { row } = nb.get('NAT', uuid) ?? {}
    if (row && readMark(row)?.kind === 'FloatingIP') return false
    return !row || !missing.delete(natKey(row))
  })
  const added = [...missing.values()].map((row) => plan.insert('NAT', row))
  // OVSDB collects the row of a translation that no router has.
  plan.exchange('Logical_Router', router.uuid, 'nat', { out: surplus.map(uuidOf), into: added })
}

function natKey(row: OvsRow): string {
  return COLUMNS.map((column) => canonical(row[column] ?? setOf([]))).join()
}
