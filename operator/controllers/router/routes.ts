// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { findAddress, findCidr, isIn } from '../../ipam/address.ts'
import type { LogicalRouter, RoutedSubnet } from '../../network/network-driver.ts'
import type { ResolvedAddress } from '../port/claim-address.ts'

/** The routes whose next hop is in a subnet that the router joins, or in one of its external network. Pure. */
export function resolveRoutes(
  { spec }: Router,
  interfaces: readonly RoutedSubnet[],
  outside: readonly ResolvedAddress[] = [],
): { routes: LogicalRouter['routes']; lacks: readonly Outcome[] } {
  const lacks: Outcome[] = []
  const reached = [
    ...interfaces.map(({ cidr, gatewayIP: own }) => ({ cidr, own })),
    ...outside.map(({ subnet, address: own }) => ({ cidr: subnet.spec.cidr, own })),
  ]
  const routes = (spec.routes ?? []).filter(({ nextHop }, i) => {
    const why = whyUnreachable(nextHop, reached)
    if (why !== undefined) lacks.push(waitFor('NextHopUnreachable', `spec.routes[${i}].nextHop ${nextHop} ${why}`))
    return why === undefined
  })
  return { routes, lacks }
}

function whyUnreachable(nextHop: string, reached: readonly { cidr: string; own: string }[]): string | undefined {
  const subnet = reached.find(({ cidr }) => isIn(nextHop, cidr))
  if (!subnet) return 'is in no Subnet that the Router joins: add that one to spec.interfaces, or write another address'
  if (subnet.own === nextHop) return "is the Router's own: write the address of who leads there"
  if (isNobodys(nextHop, subnet.cidr))
    return `is the network or broadcast address of ${subnet.cidr}: write the address of who leads there`
  return undefined
}

function isNobodys(address: string, cidr: string): boolean {
  const [value, range] = [findAddress(address)?.value, findCidr(cidr)]
  return value === range?.first || (range?.version === 4 && value === range.last)
}
