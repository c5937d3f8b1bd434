// SPDX-License-Identifier: Apache-2.0
import type { OvsRow } from './values.ts'

/** update2 of one row, ovsdb-server(7) 4.1.14. */
export type RowUpdate = { initial: OvsRow } | { insert: OvsRow } | { modify: OvsRow } | { delete: OvsRow | null }

export interface RowChange {
  table: string
  uuid: string
  /** Absent: the row is new. */
  before?: OvsRow
  /** Absent: the row is gone. */
  after?: OvsRow
  /** For columns that are reported by their members: which were added and removed. */
  members?: Readonly<Record<string, MembersChange>>
}

/** Row uuids. */
export interface MembersChange {
  added: readonly string[]
  removed: readonly string[]
}
