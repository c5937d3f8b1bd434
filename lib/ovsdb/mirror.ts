// SPDX-License-Identifier: Apache-2.0
import type { RowChange } from './row-change.ts'
import type { MonitoredTable, TableColumns, TableUpdates } from './session.ts'
import { TableCache } from './table-cache.ts'
import { canonical, type OvsRow } from './values.ts'

const NO_ROWS: ReadonlyMap<string, OvsRow> = new Map()

/** The wanted tables of one database, as the server last told of them. */
export class Mirror {
  readonly #wanted: Readonly<Record<string, MonitoredTable>>
  #tables = new Map<string, TableCache>()

  constructor(wanted: Readonly<Record<string, MonitoredTable>>) {
    this.#wanted = wanted
  }

  /** By row uuid. Rows are never modified in place. */
  rows(table: string): ReadonlyMap<string, OvsRow> {
    return this.#tables.get(table)?.rows ?? NO_ROWS
  }

  /** Takes in what has happened since. */
  apply(updates: TableUpdates): RowChange[] {
    const changes: RowChange[] = []
    for (const [table, rows] of Object.entries(updates)) {
      const cache = this.#tables.get(table)
      for (const [uuid, update] of Object.entries(rows)) {
        const change = cache?.apply(uuid, update)
        if (change) changes.push(change)
      }
    }
    return changes
  }

  /** A full dump: rows that it lacks are removed from the mirror. @returns the differences alone */
  replace(columns: TableColumns, updates: TableUpdates): RowChange[] {
    const old = this.#tables
    this.#tables = new Map(
      [...columns].map(([table, types]) => [table, new TableCache(table, types, this.#wanted[table]?.members)]),
    )
    const changes: RowChange[] = []
    for (const [table, cache] of this.#tables) {
      const before = old.get(table)
      for (const [uuid, update] of Object.entries(updates[table] ?? {})) {
        const change = cache.apply(uuid, update)
        const held = before?.rows.get(uuid)
        const came = cache.membersSince(before, uuid)
        if (change?.after && (!held || came.members || !isSameRow(held, change.after))) {
          changes.push({ table, uuid, ...(held ? { before: held } : {}), after: change.after, ...came })
        }
      }
      for (const [uuid, row] of before?.rows ?? NO_ROWS) {
        if (!cache.rows.has(uuid)) changes.push({ table, uuid, before: row, ...cache.membersSince(before, uuid) })
      }
    }
    return changes
  }
}

function isSameRow(a: OvsRow, b: OvsRow): boolean {
  const columns = new Set([...Object.keys(a), ...Object.keys(b)])
  for (const column of columns) {
    const [left, right] = [a[column], b[column]]
    if (left === undefined || right === undefined || canonical(left) !== canonical(right)) return false
  }
  return true
}
