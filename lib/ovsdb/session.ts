// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'
import { OvsdbError, OvsdbNotLeaderError } from './errors.ts'
import type { Condition } from './operations.ts'
import { columnTypes, DatabaseSchema, type ColumnType } from './schema.ts'
import type { JsonRpcPeer } from './rpc.ts'
import type { RowUpdate } from './row-change.ts'
import type { OvsRow } from './values.ts'

/** The mirrored part of one table. Columns and tables that an older server lacks are left out. */
export interface MonitoredTable {
  columns: readonly string[]
  /** Rows that match any of these; absent: all. */
  where?: readonly Condition[]
  /**
   * Reference columns among these that grow with the whole cloud: rows are kept without them, and changes list the members that were added
   * and removed, so that one more member costs the same however many there are.
   */
  members?: readonly string[]
}

export type TableColumns = ReadonlyMap<string, ReadonlyMap<string, ColumnType>>
export type TableUpdates = Readonly<Record<string, Readonly<Record<string, RowUpdate>>>>

/** Reads the schema once and keeps the wanted columns that exist. */
export async function readColumns(
  peer: JsonRpcPeer,
  database: string,
  tables: Readonly<Record<string, MonitoredTable>>,
  signal: AbortSignal,
): Promise<TableColumns> {
  const schema = DatabaseSchema.parse(await peer.request('get_schema', [database], signal))
  const found = new Map<string, ReadonlyMap<string, ColumnType>>()
  for (const [table, { columns }] of Object.entries(tables)) {
    const types = columnTypes(schema, table)
    if (types) found.set(table, new Map([...types].filter(([name]) => columns.includes(name))))
  }
  return found
}

export interface MonitorStart {
  /** True: `updates` continue the cache's state at `since`. False: they are the whole content. */
  continued: boolean
  lastTransaction: string | undefined
  updates: TableUpdates
}

/** monitor_cond_since (ovsdb-server(7) 4.1.15), or monitor_cond where a server does not know it. */
export async function startMonitor(
  peer: JsonRpcPeer,
  options: {
    database: string
    id: string
    columns: TableColumns
    tables: Readonly<Record<string, MonitoredTable>>
    since: string | undefined
  },
  signal: AbortSignal,
): Promise<MonitorStart> {
  const requests: Record<string, unknown> = {}
  for (const [table, columns] of options.columns) {
    const where = options.tables[table]?.where
    requests[table] = [{ columns: [...columns.keys()], ...(where ? { where } : {}) }]
  }
  const since = options.since ?? '00000000-0000-0000-0000-000000000000'
  try {
    const answer = await peer.request('monitor_cond_since', [options.database, options.id, requests, since], signal)
    const [continued, lastTransaction, updates] = MonitorReply.parse(answer)
    return { continued, lastTransaction, updates: updates as TableUpdates }
  } catch (error) {
    if (!(error instanceof OvsdbError && error.code === 'unknown method')) throw error
    const updates = await peer.request('monitor_cond', [options.database, options.id, requests], signal)
    return { continued: false, lastTransaction: undefined, updates: updates as TableUpdates }
  }
}

const MonitorReply = z.tuple([z.boolean(), z.string(), z.record(z.string(), z.unknown())])

const SERVER_MONITOR = 'server'

/**
 * Follows the server's own status of one database (`_Server`, ovsdb-server(5)): whether it is connected to its cluster, and its leader.
 * @throws OvsdbConnectionError when this server does not qualify
 */
export async function checkServer(
  peer: JsonRpcPeer,
  database: string,
  leaderOnly: boolean,
  signal: AbortSignal,
): Promise<(params: unknown) => boolean> {
  const columns = ['name', 'model', 'leader', 'connected']
  const rows = new Map<string, OvsRow>()
  const fits = (): boolean => {
    for (const row of rows.values()) {
      if (row['name'] !== database) continue
      if (row['model'] === 'clustered') return row['connected'] === true && (!leaderOnly || row['leader'] === true)
      return row['model'] !== 'relay' || row['connected'] === true
    }
    return false
  }
  const apply = (updates: unknown): boolean => {
    const database = (updates as { Database?: Record<string, RowUpdate> }).Database ?? {}
    for (const [uuid, update] of Object.entries(database)) {
      if ('delete' in update) rows.delete(uuid)
      else rows.set(uuid, { leader: false, connected: false, ...rows.get(uuid), ...Object.values(update)[0] })
    }
    return fits()
  }
  const initial = await peer.request('monitor_cond', ['_Server', SERVER_MONITOR, { Database: [{ columns }] }], signal)
  if (!apply(initial)) throw new OvsdbNotLeaderError(`${database}: not here, or not the leader`)
  return (params) => !Array.isArray(params) || params[0] !== SERVER_MONITOR || apply(params[1])
}
