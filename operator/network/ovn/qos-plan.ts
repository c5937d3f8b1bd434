// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../lib/errors.ts'
import { mapOf, readString, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalQoS, QoSTarget } from '../logical-kinds.ts'
import { familyOf, normalAddress, normalMac } from './addresses.ts'
import { gatewayPortName } from './gateway-port-name.ts'
import { quotedName } from './match-words.ts'
import { markOf } from './marks.ts'
import type { Northbound } from './northbound.ts'
import { planHolders, planOffHolders, type PartsColumn } from './part-holders.ts'
import { Plan } from './plan.ts'
import { switchEndName } from './router-port.ts'

/**
 * ovn-nb(5), QoS priority. Of the rows that match a packet the highest decides alone: traffic of a floating IP that has limits of its own is not
 * counted in the gateway's.
 */
const PRIORITY = { port: 2000, floatingIP: 2000, gateway: 1000 } as const

const RULES: PartsColumn = { table: 'Logical_Switch', column: 'qos_rules' }

/**
 * Limits and marks → QoS, one row for each direction, on the switch. On each chassis that a packet of its passes the row is a meter of its own:
 * what a port or a gateway sends and gets passes one chassis.
 * @throws TransientError while the network's row is missing
 */
export function planQoS(want: LogicalQoS, nb: Northbound): Plan {
  const network = nb.find('Network', want.networkUid)
  if (!network) throw new TransientError('NetworkNotReady', `network ${want.networkUid} is not in OVN yet`)
  const plan = new Plan()
  const surplus = nb.all('QoS', want.uid)
  for (const row of qosRows(want)) {
    const at = surplus.findIndex((held) => readString(held.row['direction']) === row['direction'])
    const [held] = at < 0 ? [] : surplus.splice(at, 1)
    const rule = plan.ensure('QoS', held, row)
    planHolders(plan, nb, RULES, { wanted: [network.uuid], held: held?.uuid, part: rule })
  }
  for (const held of surplus) planOffHolders(plan, nb, RULES, held)
  return plan
}

export function planQoSRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('QoS', uid)) planOffHolders(plan, nb, RULES, held)
  return plan
}

function qosRows(want: LogicalQoS): OvsRow[] {
  const { egress, ingress, dscp, target } = want
  const common = { priority: PRIORITY[target.what], external_ids: markOf(want) }
  const bandwidth = (limit: LogicalQoS['egress']) => mapOf(limit ? { rate: limit.maxKbps, burst: limit.burstKb } : {})
  // Directions of OVN are the switch's: from-lport is what a port sends to it.
  const sent = { direction: 'from-lport', match: matchOf(target, 'egress'), bandwidth: bandwidth(egress) }
  const got = { direction: 'to-lport', match: matchOf(target, 'ingress'), bandwidth: bandwidth(ingress) }
  return [
    ...(egress || dscp !== undefined
      ? [{ ...common, ...sent, action: mapOf(dscp === undefined ? {} : { dscp }) }]
      : []),
    ...(ingress ? [{ ...common, ...got, action: mapOf({}) }] : []),
  ]
}

/** What is sent to the network by a port is at one of its ports; what leaves a router there comes from the router's port. */
function matchOf(target: QoSTarget, direction: 'egress' | 'ingress'): string {
  const [port, side] = direction === 'egress' ? ['inport', 'src'] : ['outport', 'dst']
  const at = (name: string) => `${port} == ${quotedName(name)}`
  switch (target.what) {
    case 'port':
      return at(target.portUid)
    case 'gateway':
      // Floating IPs whose nodes translate pass the same port of the switch, under MAC addresses of their own, on other nodes.
      return `${at(endOf(target.routerUid))} && eth.${side} == ${normalMac(target.mac)}`
    case 'floatingIP': {
      const address = normalAddress(target.address)
      return `${at(endOf(target.routerUid))} && ${familyOf(address) === 'IPv4' ? 'ip4' : 'ip6'}.${side} == ${address}`
    }
  }
}

function endOf(routerUid: string): string {
  return switchEndName(gatewayPortName(routerUid))
}
