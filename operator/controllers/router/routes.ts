// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { Router } from '../../../lib/api/types.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { findAddress, findCidr, isIn } from '../../ipam/address.ts'
import type { LogicalRouter } from '../../network/logical-kinds.ts'
import type { ResolvedAddress } from '../port/claim-address.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { cidrOf } from '../subnet/range.ts'
import type { Range } from './ranges.ts'

/** The routes whose next hop is in a subnet that the router joins, or in one of its external network. Pure. */
export function resolveRoutes(
  { spec }: Router,
  ranges: readonly Range[],
  outside: readonly ResolvedAddress[] = [],
): { routes: LogicalRouter['routes']; lacks: readonly Outcome[] } {
  const lacks: Outcome[] = []
  const reached = [...ranges, ...outside.map(({ subnet, address: own }) => ({ cidr: cidrOf(subnet) ?? '', own }))]
  const routes = (spec.routes ?? []).flatMap(({ destination, nextHop, bfd = false }, i) => {
    const why = whyUnreachable(nextHop, reached)
    if (why !== undefined) lacks.push(waitFor('NextHopUnreachable', `spec.routes[${i}].nextHop ${nextHop} ${why}`))
    const vain = reached.some(({ cidr }) => isSameRange(cidr, destination))
    if (vain) lacks.push(waitFor('RouteWithoutEffect', `spec.routes[${i}].destination ${destination} ${JOINED}`))
    if (why !== undefined || vain) return []
    const unwatched = bfd ? whyUnwatched(nextHop, outside) : undefined
    if (unwatched !== undefined)
      lacks.push(waitFor('NextHopNotWatched', `spec.routes[${i}]: next hop ${nextHop} ${unwatched}`))
    return [{ destination, nextHop, ...(bfd && unwatched === undefined ? { bfd } : {}) }]
  })
  return { routes, lacks }
}

/** pinctrl.c of OVN, bfd_monitor_run: only at a port that is on one node at a time, and from its first address of the family. */
function whyUnwatched(nextHop: string, outside: readonly ResolvedAddress[]): string | undefined {
  const family = familyOf(nextHop)
  const own = outside.filter(({ address }) => familyOf(address) === family)
  if (!outside.some(({ subnet }) => isIn(nextHop, cidrOf(subnet) ?? '')))
    return 'is in a Subnet of spec.interfaces, where OVN runs no BFD since the Router is on every node there: its route is there without; take bfd out, or lead there by the external Network'
  if (own.length > 1)
    return `gets no BFD, which OVN sends from one address alone, and the gateway has several of ${family}: its route is there without; take bfd out, or leave one address of ${family} in spec.externalGateway.fixedIPs`
  return undefined
}

/** ovn-northd(8), IP routing: of two ways to one range the one to a range of the router's own ports comes first. */
const JOINED =
  'is a Subnet that the Router joins, so that its packets go there: take the route out, or write a narrower range'

function whyUnreachable(nextHop: string, reached: readonly { cidr: string; own: string }[]): string | undefined {
  const subnet = reached.find(({ cidr }) => isIn(nextHop, cidr))
  if (!subnet) return 'is in no Subnet that the Router joins: add that one to spec.interfaces, or write another address'
  if (subnet.own === nextHop) return "is the Router's own: write the address of who leads there"
  if (isNobodys(nextHop, subnet.cidr))
    return `is the network or broadcast address of ${subnet.cidr}: write the address of who leads there`
  return undefined
}

function isSameRange(a: string, b: string): boolean {
  return isDeepStrictEqual(findCidr(a), findCidr(b))
}

function isNobodys(address: string, cidr: string): boolean {
  const [value, range] = [findAddress(address)?.value, findCidr(cidr)]
  return value === range?.first || (range?.version === 4 && value === range.last)
}
