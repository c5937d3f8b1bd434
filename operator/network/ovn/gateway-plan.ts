// SPDX-License-Identifier: Apache-2.0
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import { mapOf, setOf } from '../../../lib/ovsdb/values.ts'
import type { LogicalGateway, LogicalRouter } from '../logical-kinds.ts'
import { familyOf, normalAddress, normalMac } from './addresses.ts'
import { FAILOVER_TIMERS, readTimers } from './failover-timers.ts'
import { gatewayPortName } from './gateway-port-name.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import type { RouterPort } from './router-port.ts'

/** The router's port on its external network, which is on one chassis at a time. @throws TypeError for a router without a gateway */
export function gatewayPort(want: LogicalRouter): Omit<RouterPort, 'end' | 'router' | 'external_ids'> {
  const { gateway } = want
  if (!gateway) throw new TypeError(`router ${want.uid} has no gateway`)
  const isSmaller = [...want.interfaces, ...want.ports].some(({ mtu }) => mtu > gateway.mtu)
  return {
    name: gatewayPortName(want.uid),
    networkUid: gateway.networkUid,
    mac: normalMac(gateway.mac),
    networks: gateway.addresses.map(({ address, prefixLength }) => `${normalAddress(address)}/${prefixLength}`),
    nodes: gateway.nodes,
    ...(isSmaller ? { options: { gateway_mtu: String(gateway.mtu) } } : {}),
    // Whoever takes over announces all addresses of the router, translated ones too: ovn-nb(5), nat-addresses.
    endOptions: { 'nat-addresses': 'router' },
  }
}

/** The routes to everywhere else. A route of the user's to everywhere takes their place. */
export function defaultRoutes(
  routerUid: string,
  { nextHops }: LogicalGateway,
  routes: LogicalRouter['routes'],
): { destination: string; nextHop: string; outputPort: string }[] {
  return nextHops.flatMap((nextHop) => {
    const destination = familyOf(nextHop) === 'IPv4' ? '0.0.0.0/0' : '::/0'
    if (routes.some((route) => route.destination === destination)) return []
    return [{ destination, nextHop, outputPort: gatewayPortName(routerUid) }]
  })
}

/** They are one for the whole cloud: every router with a gateway sees to it that they are there. */
export function planFailoverTimers(plan: Plan, nb: Northbound): void {
  const global = nb.global()
  if (!global) return
  const held = readTimers(global.row)
  if (Object.entries(FAILOVER_TIMERS).every(([key, value]) => held[key] === value)) return
  const mutations = [
    ['options', 'delete', setOf(Object.keys(FAILOVER_TIMERS))],
    ['options', 'insert', mapOf(FAILOVER_TIMERS)],
  ] as const
  plan.push({ op: 'mutate', table: 'NB_Global', where: byUuid(global.uuid), mutations })
}
