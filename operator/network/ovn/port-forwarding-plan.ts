// SPDX-License-Identifier: Apache-2.0
import { mapOf, readString, setOf } from '../../../lib/ovsdb/values.ts'
import type { LogicalPortForwarding } from '../logical-kinds.ts'
import { normalAddress } from './addresses.ts'
import { placesOf, planPlaces } from './balancer-places.ts'
import { markOf } from './marks.ts'
import { checkedPort } from './match-words.ts'
import type { Northbound } from './northbound.ts'
import { Plan } from './plan.ts'

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const
type Protocol = (typeof PROTOCOLS)[number]

/**
 * ovn-nb(5), Load_Balancer options. The router answers for the address though it may be of a subnet that the router has no address of;
 * connections to where a port led before are forgotten when it leads elsewhere.
 */
const OPTIONS = { neighbor_responder: 'all', ct_flush: 'true' }

/**
 * Port forwardings → one Load_Balancer for each protocol, each port of the address a VIP with one backend: on the router, whose gateway
 * translates, and on the switches that the router joins, so that machines there reach the address. Decision 37.
 * @throws TransientError while a row of a router or network is missing
 */
export function planPortForwarding(want: LogicalPortForwarding, nb: Northbound): Plan {
  const plan = new Plan()
  const places = placesOf(want, nb)
  const all = nb.all('PortForwarding', want.uid)
  const kept = new Set<string>()
  for (const protocol of PROTOCOLS) {
    const vips = vipsOf(want, protocol)
    if (Object.keys(vips).length === 0) continue
    const held = all.find(({ row }) => readString(row['protocol']) === protocol)
    if (held) kept.add(held.uuid)
    const balancer = plan.ensure('Load_Balancer', held, {
      ...{ name: `${want.uid}-${protocol}`, protocol, vips: mapOf(vips), options: mapOf(OPTIONS) },
      ...{ health_check: setOf([]), ip_port_mappings: mapOf({}), selection_fields: setOf([]) },
      external_ids: markOf(want),
    })
    planPlaces(plan, nb, { places, held: held?.uuid, balancer })
  }
  // The references to them are weak, and go with them.
  for (const row of all) if (!kept.has(row.uuid)) plan.remove('Load_Balancer', row)
  return plan
}

export function planPortForwardingRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('PortForwarding', uid)) plan.remove('Load_Balancer', held)
  return plan
}

/** `203.0.113.10:2222` → `10.0.0.5:22`, for each port. */
function vipsOf({ externalAddress, forwardings }: LogicalPortForwarding, protocol: Protocol): Record<string, string> {
  const address = normalAddress(externalAddress)
  const vips: Record<string, string> = {}
  for (const one of forwardings) {
    if (one.protocol !== protocol) continue
    const fixed = normalAddress(one.fixedAddress)
    for (let i = 0; i < one.count; i++)
      vips[`${address}:${checkedPort(one.externalPort + i)}`] = `${fixed}:${checkedPort(one.internalPort + i)}`
  }
  return vips
}
