// SPDX-License-Identifier: Apache-2.0
import type { MonitoredTable } from '../../../../lib/ovsdb/session.ts'
import { NORTHBOUND_TABLES } from '../northbound-tables.ts'

/** What a driver mirrors, with all members in the rows, which a driver does not keep. */
export const WHOLE_TABLES: Readonly<Record<string, MonitoredTable>> = Object.fromEntries(
  Object.entries(NORTHBOUND_TABLES).map(([table, { columns }]) => [table, { columns }]),
)
