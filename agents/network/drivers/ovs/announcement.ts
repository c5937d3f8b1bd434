// SPDX-License-Identifier: Apache-2.0
// Pure: what is sent where for a router's gateway that has come to this node.
import { GATEWAY_NETWORK_KEY, localnetPortName } from '../../../../lib/contract/gateway-rows.ts'
import type { RowChange } from '../../../../lib/ovsdb/row-change.ts'
import {
  readMap,
  readNumber,
  readOne,
  readString,
  readStrings,
  readUuids,
  type OvsRow,
} from '../../../../lib/ovsdb/values.ts'
import type { Injected } from './openflow.ts'
import { INTEGRATION_BRIDGE } from './plug-plan.ts'
import type { SwitchView } from './switch-database.ts'

export interface Announcement extends Injected {
  bridge: string
}

/** By uuid. */
type Rows = ReadonlyMap<string, OvsRow>

/**
 * Uuids of the bindings of gateways that the node has claimed. Those that it had when it first looked were announced before.
 * @param isFirstLook whether these rows are what there was; later a new row that is claimed already was made and claimed at once
 */
export function gatewaysThatCame(
  changes: readonly RowChange[],
  node: string,
  chassis: Rows,
  isFirstLook: boolean,
): string[] {
  const has = (row: OvsRow) => isCarriedBy(node, row, chassis)
  return changes.flatMap(({ table, uuid, before, after }) =>
    table === 'Port_Binding' && after && has(after) && (before ? !has(before) : !isFirstLook) ? uuid : [],
  )
}

/** Whether a row of Port_Binding is a gateway's and this node has it: ovn-sb(5). */
export function isCarriedBy(node: string, binding: OvsRow, chassis: Rows): boolean {
  if (readMap(binding['external_ids'])[GATEWAY_NETWORK_KEY] === undefined) return false
  return readString(chassis.get(readUuids(binding['chassis'])[0] ?? '')?.['name']) === node
}

/** Undefined while the node has no way to the network outside, or the binding is none of a gateway of ours. */
export function announcementOf(gateway: OvsRow, bindings: Rows, view: SwitchView): Announcement | undefined {
  const network = readMap(gateway['external_ids'])[GATEWAY_NETWORK_KEY]
  const mac = readStrings(gateway['mac'])[0]?.split(' ')[0]
  if (network === undefined || mac === undefined || !MAC.test(mac)) return undefined
  const localnet = localnetPortName(network)
  const end = localnetEndOf(localnet, view, (bridge) => bridge !== INTEGRATION_BRIDGE)
  return end && { ...end, frame: reverseArp(mac, vlanOf(localnet, bindings)) }
}

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/

function vlanOf(localnet: string, bindings: Rows): number | undefined {
  for (const row of bindings.values()) if (readString(row['logical_port']) === localnet) return readNumber(row['tag'])
  return undefined
}

/**
 * One end of the patch by which ovn-controller connects the integration bridge to a physical network's: at the latter's what OVN sends arrives, at
 * the former's what comes from outside.
 */
export function localnetEndOf(
  localnet: string,
  view: SwitchView,
  isOf: (bridge: string) => boolean,
): Pick<Announcement, 'bridge' | 'inPort'> | undefined {
  for (const bridge of view.rows('Bridge').values()) {
    const name = readString(bridge['name'])
    if (name === undefined || !isOf(name)) continue
    for (const uuid of readUuids(bridge['ports'])) {
      const port = view.rows('Port').get(uuid)
      if (readMap(port?.['external_ids'])['ovn-localnet-port'] !== localnet) continue
      const inPort = readOne(view.rows('Interface').get(readUuids(port?.['interfaces'])[0] ?? '')?.['ofport'])
      if (typeof inPort === 'number' && inPort > 0) return { bridge: name, inPort }
    }
  }
  return undefined
}

const [RARP, DOT1Q, ETHERNET, IPV4, REQUEST_REVERSE] = [0x8035, 0x8100, 1, 0x0800, 3]

/** To all, from the gateway's MAC address: switches learn from it where that is now. RFC 903; what OVN and QEMU send of a MAC without IPv4. */
export function reverseArp(mac: string, vlan?: number): Buffer {
  const address = Buffer.from(mac.replaceAll(':', ''), 'hex')
  const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
  const tag = vlan === undefined ? [] : [u16(DOT1Q), u16(vlan)]
  const none = Buffer.alloc(4)
  const body = [u16(ETHERNET), u16(IPV4), Buffer.from([6, 4]), u16(REQUEST_REVERSE), address, none, address, none]
  return Buffer.concat([Buffer.alloc(6, 0xff), address, ...tag, u16(RARP), ...body])
}
