// SPDX-License-Identifier: Apache-2.0
import { METADATA_ADDRESS, metadataMac, metadataPortName } from '../../../lib/contract/metadata-port.ts'
import { mapOf, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalNetwork } from '../network-driver.ts'
import { planOutOfGroups } from './group-plan.ts'
import { markOf, partMark } from './marks.ts'
import type { Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { planOffOthers, planOnSwitch } from './switch-membership.ts'

/** Network → Logical_Switch, with the localport that every node's metadata service binds. */
export function planNetwork(want: LogicalNetwork, nb: Northbound): Plan {
  const plan = new Plan()
  const [held, ...copies] = nb.all('Network', want.uid)
  for (const copy of copies) plan.remove('Logical_Switch', copy)
  const metadata = nb.findNamed('Logical_Switch_Port', metadataPortName(want.uid))
  // In a port group, its traffic would be dropped by the group's ACLs.
  if (metadata) planOutOfGroups(plan, nb, metadata, new Set())
  const row: OvsRow = { name: want.uid, external_ids: markOf(want) }
  if (!held) {
    const port = plan.ensure('Logical_Switch_Port', metadata, metadataPort(want.uid))
    plan.insert('Logical_Switch', { ...row, ports: setOf([port]) })
    if (metadata) planOffOthers(plan, nb, undefined, metadata)
    return plan
  }
  plan.ensure('Logical_Switch', held, row)
  const port = plan.ensure('Logical_Switch_Port', metadata, metadataPort(want.uid))
  planOnSwitch(plan, nb, held.uuid, metadata, port)
  return plan
}

function metadataPort(networkUid: string): OvsRow {
  return {
    name: metadataPortName(networkUid),
    type: 'localport',
    addresses: setOf([`${metadataMac(networkUid)} ${METADATA_ADDRESS}`]),
    port_security: setOf([]),
    dhcpv4_options: setOf([]),
    dhcpv6_options: setOf([]),
    options: mapOf({}),
    external_ids: partMark('MetadataPort', networkUid),
  }
}

/** The ports on the switch go with it: they are parts of it for OVSDB. */
export function planNetworkRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('Network', uid)) plan.remove('Logical_Switch', held)
  return plan
}
