// SPDX-License-Identifier: Apache-2.0
import type { MonitoredTable } from '../../../lib/ovsdb/session.ts'
import type { RowChange } from '../../../lib/ovsdb/table-cache.ts'
import { readString, readUuids, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalKind, OwnedRow } from '../network-driver.ts'
import { readMark } from './marks.ts'

/** What we write, and nothing that OVN itself writes: a port that goes up must not look like a disturbance. ovn-nb(5). */
export const NORTHBOUND_TABLES = {
  NB_Global: { columns: ['external_ids'] },
  Logical_Switch: { columns: ['name', 'ports', 'external_ids'] },
  Logical_Switch_Port: {
    columns: ['name', 'type', 'addresses', 'port_security', 'dhcpv4_options', 'options', 'external_ids'],
  },
  DHCP_Options: { columns: ['cidr', 'options', 'external_ids'] },
  Port_Group: { columns: ['name', 'ports', 'acls', 'external_ids'] },
  ACL: { columns: ['direction', 'priority', 'match', 'action', 'external_ids'] },
} as const satisfies Record<string, MonitoredTable>
export type NorthboundTable = keyof typeof NORTHBOUND_TABLES

const TABLE_OF_KIND: Record<LogicalKind, NorthboundTable> = {
  Network: 'Logical_Switch',
  Subnet: 'DHCP_Options',
  Port: 'Logical_Switch_Port',
  SecurityGroup: 'Port_Group',
}
const NAMED: readonly string[] = ['Logical_Switch_Port', 'Port_Group']

export interface FoundRow {
  uuid: string
  row: OvsRow
}

/**
 * The northbound mirror with indexes, so that a planner's cost does not grow with the number of rows: by mark, by name, and the
 * port groups of a port.
 */
export class Northbound {
  readonly #rows: (table: string) => ReadonlyMap<string, OvsRow>
  readonly #byMark = new Map<string, Set<string>>()
  readonly #byName = new Map<string, string>()
  readonly #groupsOfPort = new Map<string, Set<string>>()

  constructor(rows: (table: string) => ReadonlyMap<string, OvsRow>) {
    this.#rows = rows
    for (const table of Object.keys(NORTHBOUND_TABLES)) {
      this.update([...rows(table)].map(([uuid, after]) => ({ table, uuid, after })))
    }
  }

  update(changes: readonly RowChange[]): void {
    for (const change of changes) {
      if (change.before) this.#forget(change.table, change.uuid, change.before)
      if (change.after) this.#learn(change.table, change.uuid, change.after)
    }
    // Row by row, two rows may hold one name for a moment; the mirror has the final word.
    for (const { table, uuid, after } of changes) {
      if (after && NAMED.includes(table)) this.#byName.set(nameKey(table, after), uuid)
    }
  }

  /** The row of ours for a resource; of several (a foreign copy) the first that `all` gives. */
  find(kind: LogicalKind, uid: string): FoundRow | undefined {
    return this.all(kind, uid)[0]
  }

  /**
   * All rows that claim to be this resource's; more than one is drift. The one with our name comes first, since guests hang on it, then
   * by uuid, so that the order is stable.
   */
  all(kind: LogicalKind, uid: string): FoundRow[] {
    const uuids = [...(this.#byMark.get(`${kind}/${uid}`) ?? [])].sort()
    const rows = uuids.flatMap((uuid) => this.get(TABLE_OF_KIND[kind], uuid) ?? [])
    const isNamed = ({ row }: FoundRow) => readString(row['name']) === uid
    return [...rows.filter(isNamed), ...rows.filter((row) => !isNamed(row))]
  }

  findNamed(table: 'Logical_Switch_Port' | 'Port_Group', name: string): FoundRow | undefined {
    const uuid = this.#byName.get(`${table}/${name}`)
    return uuid === undefined ? undefined : this.get(table, uuid)
  }

  get(table: NorthboundTable, uuid: string): FoundRow | undefined {
    const row = this.#rows(table).get(uuid)
    return row && { uuid, row }
  }

  /** Port groups that hold a port, by the row uuids of both. */
  groupsOf(portUuid: string): FoundRow[] {
    return [...(this.#groupsOfPort.get(portUuid) ?? [])].flatMap((uuid) => this.get('Port_Group', uuid) ?? [])
  }

  global(): FoundRow | undefined {
    for (const [uuid, row] of this.#rows('NB_Global')) return { uuid, row }
    return undefined
  }

  owned(): OwnedRow[] {
    return Object.values(TABLE_OF_KIND).flatMap((table) =>
      [...this.#rows(table).values()].flatMap((row) => readMark(row) ?? []),
    )
  }

  #learn(table: string, uuid: string, row: OvsRow): void {
    const mark = markKey(table, row)
    if (mark) addTo(this.#byMark, mark, uuid)
    if (table === 'Port_Group') for (const port of readUuids(row['ports'])) addTo(this.#groupsOfPort, port, uuid)
  }

  #forget(table: string, uuid: string, row: OvsRow): void {
    const mark = markKey(table, row)
    if (mark) removeFrom(this.#byMark, mark, uuid)
    if (NAMED.includes(table) && this.#byName.get(nameKey(table, row)) === uuid)
      this.#byName.delete(nameKey(table, row))
    if (table === 'Port_Group') for (const port of readUuids(row['ports'])) removeFrom(this.#groupsOfPort, port, uuid)
  }
}

/** Undefined when a mark stands in a table where its kind does not live. */
function markKey(table: string, row: OvsRow): string | undefined {
  const mark = readMark(row)
  return mark && TABLE_OF_KIND[mark.kind] === table ? `${mark.kind}/${mark.uid}` : undefined
}

function nameKey(table: string, row: OvsRow): string {
  return `${table}/${readString(row['name']) ?? ''}`
}

function addTo(index: Map<string, Set<string>>, key: string, uuid: string): void {
  const held = index.get(key)
  if (held) held.add(uuid)
  else index.set(key, new Set([uuid]))
}

function removeFrom(index: Map<string, Set<string>>, key: string, uuid: string): void {
  const held = index.get(key)
  if (held?.delete(uuid) && held.size === 0) index.delete(key)
}
