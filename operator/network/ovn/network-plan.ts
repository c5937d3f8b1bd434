// SPDX-License-Identifier: Apache-2.0
import { localnetPortName } from '../../../lib/contract/gateway-rows.ts'
import {
  METADATA_ADDRESS,
  METADATA_ADDRESS_V6,
  metadataMac,
  metadataPortName,
} from '../../../lib/contract/metadata-port.ts'
import { mapOf, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalNetwork } from '../logical-kinds.ts'
import { planOutOfGroups } from './group-plan.ts'
import { markOf, partMark } from './marks.ts'
import { planNames, planNamesRemoval } from './names-plan.ts'
import type { Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { planOffOthers, planOffSwitch, planOnSwitch } from './switch-membership.ts'
import { vlanColumns } from './vlan-columns.ts'

/**
 * Network → Logical_Switch, with the localport that every node's metadata service binds and, where it is a physical network, the localnet
 * port by which every connected node reaches it.
 */
export function planNetwork(want: LogicalNetwork, nb: Northbound): Plan {
  const plan = new Plan()
  const [held, ...copies] = nb.all('Network', want.uid)
  for (const copy of copies) plan.remove('Logical_Switch', copy)
  const parts = [metadataPort(want.uid), ...(want.provider ? [localnetPort(want.uid, want.provider)] : [])]
  const ports = parts.map((part) => {
    const there = nb.findNamed('Logical_Switch_Port', part.name)
    // In a port group, its traffic would be dropped by the group's ACLs.
    if (there) planOutOfGroups(plan, nb, there, new Set())
    return { there, port: plan.ensure('Logical_Switch_Port', there, part) }
  })
  const unwanted = want.provider ? undefined : nb.findNamed('Logical_Switch_Port', localnetPortName(want.uid))
  if (unwanted) planOffSwitch(plan, unwanted)
  const names = planNames(plan, want.uid, held, nb)
  const row: OvsRow = { name: want.uid, external_ids: markOf(want) }
  if (!held) {
    plan.insert('Logical_Switch', { ...row, ...names, ports: setOf(ports.map(({ port }) => port)) })
    for (const { there } of ports) if (there) planOffOthers(plan, nb, undefined, there)
    return plan
  }
  plan.ensure('Logical_Switch', held, row)
  for (const { there, port } of ports) planOnSwitch(plan, nb, held.uuid, there, port)
  return plan
}

type Part = OvsRow & { name: string }

function metadataPort(networkUid: string): Part {
  return {
    ...partOf(networkUid, 'MetadataPort'),
    name: metadataPortName(networkUid),
    type: 'localport',
    addresses: setOf([`${metadataMac(networkUid)} ${METADATA_ADDRESS} ${METADATA_ADDRESS_V6}`]),
    options: mapOf({}),
  }
}

/** Nodes join it to the bridge that their ovn-bridge-mappings have for the name; those without one have no way to it. ovn-nb(5). */
function localnetPort(networkUid: string, { physicalNetwork, vlan }: NonNullable<LogicalNetwork['provider']>): Part {
  return {
    ...partOf(networkUid, 'LocalnetPort'),
    name: localnetPortName(networkUid),
    type: 'localnet',
    addresses: setOf(['unknown']),
    options: mapOf({ network_name: physicalNetwork }),
    ...vlanColumns(vlan),
  }
}

function partOf(networkUid: string, part: Parameters<typeof partMark>[0]): OvsRow {
  return {
    port_security: setOf([]),
    dhcpv4_options: setOf([]),
    dhcpv6_options: setOf([]),
    ...vlanColumns(),
    ha_chassis_group: setOf([]),
    external_ids: partMark(part, networkUid),
  }
}

/** The ports on the switch go with it: they are parts of it for OVSDB. Its names do not. */
export function planNetworkRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('Network', uid)) plan.remove('Logical_Switch', held)
  planNamesRemoval(plan, uid, nb)
  return plan
}
