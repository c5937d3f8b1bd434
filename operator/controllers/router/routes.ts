// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { contains, findAddress, findCidr } from '../../ipam/address.ts'
import type { LogicalRouter, RoutedSubnet } from '../../network/network-driver.ts'

/** The routes that lead somewhere: each next hop is in a subnet that the router joins. Pure. */
export function resolveRoutes(
  { spec }: Router,
  interfaces: readonly RoutedSubnet[],
): { routes: LogicalRouter['routes']; lacks: readonly Outcome[] } {
  const lacks: Outcome[] = []
  const routes = (spec.routes ?? []).filter(({ nextHop }, i) => {
    if (interfaces.some(({ cidr }) => isIn(nextHop, cidr))) return true
    const message = `spec.routes[${i}].nextHop ${nextHop} is in no Subnet that the Router joins: add that one to spec.interfaces, or write another address`
    lacks.push(waitFor('NextHopUnreachable', message))
    return false
  })
  return { routes, lacks }
}

function isIn(address: string, cidr: string): boolean {
  const [one, range] = [findAddress(address), findCidr(cidr)]
  return one !== undefined && range !== undefined && one.version === range.version && contains(range, one.value)
}
