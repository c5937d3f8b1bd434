// SPDX-License-Identifier: Apache-2.0
import { byUuid, type Operation } from '../../../../lib/ovsdb/operations.ts'
import { isSameValue, mapOf, namedUuid, readMap, readUuids, setOf, type OvsRow } from '../../../../lib/ovsdb/values.ts'
import { chooseDatapath, DATAPATH_KEY, type Datapath } from './datapath.ts'
import { INTEGRATION_BRIDGE } from './plug-plan.ts'
import { findByName, rootRow, type SwitchView } from './switch-database.ts'

/** The settings that make a host a chassis of OVN: ovn-controller(8). */
export interface Chassis {
  /** The Kubernetes node name; the southbound database's RBAC compares it with the certificate's CN. */
  systemId: string
  /** `ssl:10.0.0.1:6642`, several joined by commas. Absent: left unchanged. */
  ovnRemote?: string
  encapIp: string
  /** Paths on the host; ovn-controller and the switch reread the files when they change. */
  tls?: { privateKey: string; certificate: string; caCert: string }
}

/** The operations that bring the switch's database to the wanted configuration; none when it is configured already. */
export function planChassis(view: SwitchView, want: Chassis): Operation[] {
  const root = rootRow(view)
  const datapath = chooseDatapath(view)
  const operations: Operation[] = root ? [] : [{ op: 'insert', table: 'Open_vSwitch', row: {} }]
  const held = readMap(root?.row['external_ids'])
  const wanted: Record<string, string> = {
    'system-id': want.systemId,
    hostname: want.systemId,
    'ovn-encap-type': 'geneve',
    'ovn-encap-ip': want.encapIp,
    [DATAPATH_KEY]: datapath,
    ...(want.ovnRemote ? { 'ovn-remote': want.ovnRemote } : {}),
  }
  const changed = Object.entries(wanted).filter(([key, value]) => held[key] !== value)
  if (changed.length > 0) {
    operations.push({
      op: 'mutate',
      table: 'Open_vSwitch',
      where: [],
      mutations: [
        ['external_ids', 'delete', setOf(changed.map(([key]) => key))],
        ['external_ids', 'insert', mapOf(Object.fromEntries(changed))],
      ],
    })
  }
  return [...operations, ...planTls(view, want.tls), ...planBridge(view, datapath)]
}

function planTls(view: SwitchView, tls: Chassis['tls']): Operation[] {
  if (!tls) return []
  const row: OvsRow = { private_key: tls.privateKey, certificate: tls.certificate, ca_cert: tls.caCert }
  const held = readUuids(rootRow(view)?.row['ssl'])[0]
  const current = held === undefined ? undefined : view.rows('SSL').get(held)
  if (held === undefined || !current) {
    return [
      { op: 'insert', table: 'SSL', 'uuid-name': 'tls', row },
      { op: 'update', table: 'Open_vSwitch', where: [], row: { ssl: setOf([namedUuid('tls')]) } },
    ]
  }
  return differs(current, row) ? [{ op: 'update', table: 'SSL', where: byUuid(held), row }] : []
}

/** fail_mode secure: without a controller no packet passes, instead of every packet going everywhere. */
function planBridge(view: SwitchView, datapath: Datapath): Operation[] {
  const row: OvsRow = { datapath_type: datapath, fail_mode: setOf(['secure']) }
  const name = INTEGRATION_BRIDGE
  const held = findByName(view, 'Bridge', name)
  if (held) return differs(held.row, row) ? [{ op: 'update', table: 'Bridge', where: byUuid(held.uuid), row }] : []
  return [
    { op: 'insert', table: 'Interface', 'uuid-name': 'iface', row: { name, type: 'internal' } },
    { op: 'insert', table: 'Port', 'uuid-name': 'port', row: { name, interfaces: namedUuid('iface') } },
    { op: 'insert', table: 'Bridge', 'uuid-name': 'bridge', row: { name, ...row, ports: setOf([namedUuid('port')]) } },
    {
      op: 'mutate',
      table: 'Open_vSwitch',
      where: [],
      mutations: [['bridges', 'insert', setOf([namedUuid('bridge')])]],
    },
  ]
}

function differs(held: OvsRow, want: OvsRow): boolean {
  return Object.entries(want).some(([column, value]) => {
    const now = held[column]
    return now === undefined || !isSameValue(now, value)
  })
}
