// SPDX-License-Identifier: Apache-2.0
import type { OvsdbClient } from '../../lib/ovsdb/client.ts'
import { canonical, isMap, isSet, type OvsAtom, type OvsRow, type OvsValue } from '../../lib/ovsdb/values.ts'

/** The tables to dump. */
const TABLES = [
  'Logical_Switch',
  'Logical_Switch_Port',
  'Logical_Router',
  'Logical_Router_Port',
  'DHCP_Options',
  'Port_Group',
  'ACL',
  'Address_Set',
] as const

/** The whole database as sorted lines without uuids: a reference is replaced by the text of its target. */
export async function dumpNorthbound(client: OvsdbClient, signal: AbortSignal): Promise<string[]> {
  const answers = await client.transact(
    TABLES.map((table) => ({ op: 'select', table, where: [] }) as const),
    signal,
  )
  const rows = new Map<string, { table: string; row: OvsRow }>()
  for (const [i, answer] of answers.entries()) {
    for (const row of (answer as { rows: OvsRow[] }).rows) {
      const uuid = row['_uuid'] as readonly [string, string]
      rows.set(uuid[1], { table: TABLES[i] ?? '', row })
    }
  }
  const shallow = (uuid: string): string => {
    const found = rows.get(uuid)
    if (!found) return 'nothing'
    const { table, row } = found
    return `${table}(${String(row['name'] ?? '')} ${String(row['match'] ?? row['cidr'] ?? '')})`
  }
  const atom = (value: OvsAtom): OvsAtom =>
    Array.isArray(value) && value[0] === 'uuid' ? shallow(String(value[1])) : value
  const named = (value: OvsValue): OvsValue => {
    if (isMap(value)) return value
    return isSet(value) ? ['set', value[1].map(atom)] : atom(value)
  }
  return [...rows.values()]
    .map(({ table, row }) => {
      const columns = Object.keys(row).filter((name) => !name.startsWith('_'))
      return `${table} ${columns
        .sort()
        .map((name) => `${name}=${canonical(named(row[name] ?? ''))}`)
        .join(' ')}`
    })
    .sort()
}
