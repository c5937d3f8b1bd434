// SPDX-License-Identifier: Apache-2.0
import { OvsdbClient, type OvsdbClientOptions } from '../../../../lib/ovsdb/client.ts'
import type { MonitoredTable } from '../../../../lib/ovsdb/session.ts'
import { readString, readUuids, type OvsRow } from '../../../../lib/ovsdb/values.ts'

/** ovs-vswitchd.conf.db(5); without statistics, which change every few seconds. */
export const SWITCH_TABLES = {
  Open_vSwitch: {
    columns: [
      ...['bridges', 'external_ids', 'other_config', 'cur_cfg', 'next_cfg', 'ssl'],
      ...['dpdk_initialized', 'dpdk_version', 'iface_types', 'datapath_types'],
    ],
  },
  SSL: { columns: ['private_key', 'certificate', 'ca_cert'] },
  Bridge: { columns: ['name', 'ports', 'datapath_type', 'fail_mode', 'external_ids'] },
  Port: { columns: ['name', 'interfaces', 'external_ids'] },
  Interface: {
    columns: [
      ...['name', 'type', 'options', 'external_ids', 'ofport', 'error'],
      ...['ifindex', 'admin_state', 'link_state', 'mtu_request'],
    ],
  },
} as const satisfies Record<string, MonitoredTable>

export const DEFAULT_SWITCH_SOCKET = '/run/openvswitch/db.sock'

export function openSwitchDatabase(
  options: { socketPath?: string } & Pick<OvsdbClientOptions, 'onDisconnect' | 'timeoutMs'> = {},
): OvsdbClient {
  const { socketPath = DEFAULT_SWITCH_SOCKET, ...more } = options
  return new OvsdbClient({
    ...more,
    database: 'Open_vSwitch',
    remotes: [{ transport: 'unix', path: socketPath }],
    tables: SWITCH_TABLES,
  })
}

/** Read access to a mirror of the switch's database: the client itself, or tables in a test. */
export interface SwitchView {
  rows(table: keyof typeof SWITCH_TABLES): ReadonlyMap<string, OvsRow>
}

export interface SwitchRow {
  uuid: string
  row: OvsRow
}

export function findByName(
  view: SwitchView,
  table: 'Bridge' | 'Port' | 'Interface',
  name: string,
): SwitchRow | undefined {
  for (const [uuid, row] of view.rows(table)) if (readString(row['name']) === name) return { uuid, row }
  return undefined
}

/** The only row of Open_vSwitch; absent until `ovs-vsctl init` or ovs-vswitchd has created it. */
export function rootRow(view: SwitchView): SwitchRow | undefined {
  for (const [uuid, row] of view.rows('Open_vSwitch')) return { uuid, row }
  return undefined
}

/** The Port row that holds an interface, and the bridge that holds it. */
export function holdersOf(view: SwitchView, interfaceUuid: string): { port?: SwitchRow; bridge?: SwitchRow } {
  for (const [uuid, row] of view.rows('Port')) {
    if (!readUuids(row['interfaces']).includes(interfaceUuid)) continue
    for (const [bridgeUuid, bridge] of view.rows('Bridge')) {
      if (readUuids(bridge['ports']).includes(uuid))
        return { port: { uuid, row }, bridge: { uuid: bridgeUuid, row: bridge } }
    }
    return { port: { uuid, row } }
  }
  return {}
}
