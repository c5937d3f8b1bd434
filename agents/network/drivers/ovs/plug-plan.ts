// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import { byUuid, type Operation } from '../../../../lib/ovsdb/operations.ts'
import {
  mapOf,
  namedUuid,
  readMap,
  readNumber,
  readString,
  setOf,
  uuidOf,
  type OvsRow,
} from '../../../../lib/ovsdb/values.ts'
import { PLUGGED_KINDS, type PluggedPort, type SwitchPort } from '../../port-driver.ts'
import { findByName, holdersOf, rootRow, type SwitchRow, type SwitchView } from './switch-database.ts'

export const INTEGRATION_BRIDGE = 'br-int'

/** Our marks on interfaces; `iface-id`, `attached-mac` and `vm-id` are those of Open vSwitch's integration guide. */
const KEYS = {
  kind: 'nephele-kind',
  uid: 'nephele-uid',
  instance: 'nephele-device-instance',
  controller: 'nephele-controller',
  bridge: 'nephele-bridge',
  network: 'nephele-network',
} as const

/** What an SDN controller writes there: its own name once it has programmed the port, or why it does not (docs/network.md). */
const WORDS = { programmed: 'nephele-programmed-by', refused: 'nephele-refused' } as const

/** The MTU of DPDK ports unless they request another (`mtu_request`). */
const DEFAULT_MTU = 1500

/** Undefined for an interface without our mark. */
export function toPluggedPort(row: OvsRow): PluggedPort | undefined {
  const ids = readMap(row['external_ids'])
  const kind = PLUGGED_KINDS.find((known) => known === ids[KEYS.kind])
  const uid = ids[KEYS.uid]
  if (!kind || !uid) return undefined
  const instance = ids[KEYS.instance]
  const socketPath = readMap(row['options'])['vhost-server-path']
  const ofport = readNumber(row['ofport'])
  const [controller, bridge] = [ids[KEYS.controller], ids[KEYS.bridge]]
  const isControlled = controller !== undefined && bridge !== undefined
  const refusal = isControlled ? ids[WORDS.refused] : undefined
  const isProgrammed = isControlled
    ? ids[WORDS.programmed] === controller && refusal === undefined
    : ids['ovn-installed'] === 'true'
  const error = readString(row['error']) ?? (ofport === -1 ? 'the switch could not open the device' : undefined)
  return {
    kind,
    uid,
    device: readString(row['name']) ?? '',
    ...(instance ? { instance } : {}),
    ...(socketPath ? { socketPath, mtu: readNumber(row['mtu_request']) ?? DEFAULT_MTU } : {}),
    logicalPort: ids['iface-id'] ?? '',
    ...(ofport !== undefined && ofport > 0 ? { ofport } : {}),
    ...(isControlled ? { controlled: { controller, bridge } } : {}),
    ...(refusal === undefined ? {} : { refusal }),
    // After a restart of the switch `ovn-installed` may be stale: without a port number no flow can refer to the port.
    installed: isProgrammed && ofport !== undefined && ofport > 0,
    linkUp: readString(row['link_state']) === 'up',
    ...(error ? { error } : {}),
  }
}

/** Interfaces to remove before a port is plugged: those with its uid, and whatever has its device's name. */
export function obstacles(view: SwitchView, kind: PluggedPort['kind'], uid: string, device?: string): SwitchRow[] {
  const found: SwitchRow[] = []
  for (const [uuid, row] of view.rows('Interface')) {
    const marked = toPluggedPort(row)
    const isOurs = marked?.kind === kind && marked.uid === uid
    if (isOurs || (device !== undefined && readString(row['name']) === device)) found.push({ uuid, row })
  }
  return found
}

/** Removes ports from their bridges and asks ovs-vswitchd to confirm it (`cur_cfg`). */
export function unplugOperations(view: SwitchView, interfaces: readonly SwitchRow[]): Operation[] {
  return interfaces.flatMap(({ uuid }): Operation[] => {
    const { port, bridge } = holdersOf(view, uuid)
    if (!port || !bridge) return []
    const mutations = [['ports', 'delete', setOf([uuidOf(port.uuid)])]] as const
    return [{ op: 'mutate', table: 'Bridge', where: byUuid(bridge.uuid), mutations }]
  })
}

/** Afterwards `next_cfg` identifies this change; ovs-vswitchd sets `cur_cfg` to it when it is in effect. */
export function countChange(): Operation[] {
  return [
    { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
    { op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
  ]
}

/** @throws TransientError while the node has no such bridge */
export function plugOperations(view: SwitchView, want: SwitchPort): Operation[] {
  const { controlled } = want
  const name = controlled?.bridge ?? INTEGRATION_BRIDGE
  const bridge = findByName(view, 'Bridge', name)
  if (!bridge || !rootRow(view)) throw new TransientError('SwitchNotReady', `the node has no bridge ${name} yet`)
  const external_ids = mapOf({
    'iface-id': want.logicalPort,
    'iface-status': 'active',
    'attached-mac': want.mac,
    [KEYS.kind]: want.kind,
    [KEYS.uid]: want.uid,
    [KEYS.instance]: want.instance === '' ? undefined : want.instance,
    [KEYS.controller]: controlled?.controller,
    [KEYS.bridge]: controlled?.bridge,
    [KEYS.network]: controlled?.networkUid,
    'vm-id': controlled?.instanceUid,
  })
  const special: OvsRow =
    want.type === 'vhostuser'
      ? {
          type: 'dpdkvhostuserclient',
          options: mapOf({ 'vhost-server-path': want.socketPath }),
          // A smaller MTU would save nothing, and would have to be raised when the network's is.
          ...(want.mtu > DEFAULT_MTU ? { mtu_request: want.mtu } : {}),
        }
      : {}
  return [
    { op: 'insert', table: 'Interface', 'uuid-name': 'iface', row: { name: want.device, external_ids, ...special } },
    { op: 'insert', table: 'Port', 'uuid-name': 'port', row: { name: want.device, interfaces: namedUuid('iface') } },
    {
      op: 'mutate',
      table: 'Bridge',
      where: byUuid(bridge.uuid),
      mutations: [['ports', 'insert', setOf([namedUuid('port')])]],
    },
  ]
}
