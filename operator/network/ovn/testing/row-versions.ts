// SPDX-License-Identifier: Apache-2.0
import type { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import { NORTHBOUND_TABLES } from '../northbound-tables.ts'

/**
 * By table; the same for as long as nobody writes: the server numbers each row anew with every write of it. Of NB_Global what plans write, since the
 * driver asks northd by it from time to time whether it is there.
 */
export async function rowVersions(
  raw: Pick<OvsdbClient, 'transact'>,
  signal: AbortSignal,
): Promise<Record<string, string[]>> {
  const tables = Object.keys(NORTHBOUND_TABLES)
  const results = await raw.transact(
    tables.map((table) => ({
      ...{ op: 'select', table, where: [] },
      columns: table === 'NB_Global' ? ['options', 'external_ids'] : ['_uuid', '_version'],
    })),
    signal,
  )
  const versions = results.map(({ rows }) => (rows ?? []).map((row) => JSON.stringify(row)).sort())
  return Object.fromEntries(tables.map((table, i) => [table, versions[i] ?? []]))
}
