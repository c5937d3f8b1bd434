// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../lib/errors.ts'
import { mapOf, setOf } from '../../../lib/ovsdb/values.ts'
import { servicePortMac, servicePortName } from '../../../lib/contract/service-port.ts'
import type { LogicalServicePorts } from '../logical-kinds.ts'
import { normalAddress, normalMac } from './addresses.ts'
import { planOutOfGroups } from './group-plan.ts'
import { markOf } from './marks.ts'
import type { Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { planOffSwitch, planOnSwitch } from './switch-membership.ts'
import { vlanColumns } from './vlan-columns.ts'

/**
 * ServicePort → a Logical_Switch_Port for each node that runs the service, which that node alone may claim. In no group: nobody's rules apply to it. A port
 * never moves, so that no node has to let go of it: another node has another row.
 * @throws TransientError while the network's row is missing
 */
export function planServicePorts(want: LogicalServicePorts, nb: Northbound): Plan {
  const network = nb.find('Network', want.networkUid)
  if (!network) throw new TransientError('NetworkNotReady', `network ${want.networkUid} is not in OVN yet`)
  const plan = new Plan()
  const all = nb.all('ServicePort', want.uid)
  const kept = new Set<string>()
  for (const { node, addresses, alsoSpeaksFor } of want.ports) {
    const name = servicePortName(want.uid, node)
    const held = nb.findNamed('Logical_Switch_Port', name)
    if (held) kept.add(held.uuid)
    const mac = normalMac(servicePortMac(want.uid, node))
    const own = [mac, ...addresses.map(normalAddress)]
    const port = plan.ensure('Logical_Switch_Port', held, {
      ...{ name, type: '', addresses: setOf([own.join(' ')]) },
      port_security: setOf([[...own, ...alsoSpeaksFor.map(normalAddress)].join(' ')]),
      options: mapOf({ 'requested-chassis': node }),
      ...{ dhcpv4_options: setOf([]), dhcpv6_options: setOf([]), ha_chassis_group: setOf([]), ...vlanColumns() },
      external_ids: markOf(want),
    })
    if (held) planOutOfGroups(plan, nb, held, new Set())
    planOnSwitch(plan, nb, network.uuid, held, port)
  }
  for (const row of all) if (!kept.has(row.uuid)) planOffSwitch(plan, row)
  return plan
}

export function planServicePortsRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('ServicePort', uid)) planOffSwitch(plan, held)
  return plan
}
