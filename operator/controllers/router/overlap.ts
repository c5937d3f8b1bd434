// SPDX-License-Identifier: Apache-2.0
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { areOverlapping } from '../../ipam/address.ts'
import type { RoutedSubnet } from '../../network/network-driver.ts'
import type { ResolvedAddress } from '../port/claim-address.ts'

export interface Apart {
  interfaces: RoutedSubnet[]
  lacks: Outcome[]
}

/** Subnets inside and outside of the router must not overlap: those that are not joined yet wait. Pure. */
export function withoutOverlap(
  interfaces: readonly RoutedSubnet[],
  gateway: { addresses: readonly ResolvedAddress[] } | undefined,
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
  return { interfaces: interfaces.filter((leg) => !clashing.includes(leg)), lacks }
}
