// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { findCidr, overlaps } from '../../ipam/address.ts'
import type { RoutedSubnet } from '../../network/network-driver.ts'
import type { Gateway } from './gateway.ts'
import { hasGatewayOn, hasLeg } from './kind.ts'

export interface Apart {
  interfaces: RoutedSubnet[]
  gateway?: Gateway
  lacks: Outcome[]
}

/** Subnets inside and outside of the router must not overlap: what is there stays, and the other waits. Pure. */
export function withoutOverlap(
  router: Router,
  interfaces: readonly RoutedSubnet[],
  gateway: Gateway | undefined,
): Apart {
  if (!gateway) return { interfaces: [...interfaces], lacks: [] }
  const outer = (leg: RoutedSubnet) =>
    gateway.addresses.find(({ subnet }) => areOverlapping(leg.cidr, subnet.spec.cidr))
  const clashing = interfaces.filter((leg) => outer(leg) !== undefined)
  const lacks = clashing.map((leg) => {
    const outside = outer(leg)?.subnet
    const where = outside ? `Subnet ${keyOfObject(outside)} (${outside.spec.cidr}) of its external Network` : ''
    return waitFor(
      'CIDROverlap',
      `Subnet ${leg.name} (${leg.cidr}) overlaps ${where}: a packet could go to either; take it out, or write another Network in spec.externalGateway`,
    )
  })
  const isKept = hasGatewayOn(router, gateway.network.metadata.uid)
  if (clashing.length > 0 && (!isKept || clashing.some(({ uid }) => hasLeg(router, uid))))
    return { interfaces: [...interfaces], lacks }
  return { interfaces: interfaces.filter((leg) => !clashing.includes(leg)), gateway, lacks }
}

export function areOverlapping(one: string, other: string): boolean {
  const [a, b] = [findCidr(one), findCidr(other)]
  return a !== undefined && b !== undefined && overlaps(a, b)
}
