// SPDX-License-Identifier: Apache-2.0
// OVN's northbound database as its own tool shows it, asked past the operator on the node that has it.
import { readMap, type OvsRow, type OvsValue } from '../../lib/ovsdb/values.ts'
import type { TestCloud } from './cloud.ts'

export type NorthboundTable =
  | 'Logical_Switch'
  | 'Logical_Switch_Port'
  | 'Logical_Router'
  | 'Logical_Router_Port'
  | 'Logical_Router_Static_Route'
  | 'NAT'
  | 'Load_Balancer'
  | 'DHCP_Options'
  | 'Port_Group'
  | 'Address_Set'
  | 'ACL'
  | 'QoS'

/** The rows of a table that carry this uid, parts such as a network's metadata port among them. */
export async function rowsOf(test: TestCloud, table: NorthboundTable, uid: string): Promise<OvsRow[]> {
  const { stdout } = await nbctl(test, '--format=json', 'find', table, `external_ids:nephele_uid=${uid}`)
  const { headings, data } = JSON.parse(stdout) as { headings: string[]; data: OvsValue[][] }
  return data.map((values) => Object.fromEntries(headings.map((name, i) => [name, values[i] ?? ''])))
}

/** The one row of an object. @throws when there is none, or a second one */
export async function rowOf(test: TestCloud, table: NorthboundTable, uid: string): Promise<OvsRow> {
  const rows = (await rowsOf(test, table, uid)).filter((row) => row['type'] !== 'localport')
  const [row] = rows
  if (row === undefined || rows.length > 1) throw new Error(`${rows.length} rows of ${table} have uid ${uid}`)
  return row
}

/** What a DHCP_Options row tells guests. */
export const optionsOf = (row: OvsRow): Record<string, string> => readMap(row['options'])

export const uuidOfRow = (row: OvsRow): string => (row['_uuid'] as readonly ['uuid', string])[1]

/** ovn-nbctl, as an administrator would use it by hand. @throws ExecError */
export function nbctl({ cloud, networkNode }: TestCloud, ...args: string[]): Promise<{ stdout: string }> {
  return cloud.exec(networkNode, ['ovn-nbctl', '--no-leader-only', '--timeout=5', ...args])
}
