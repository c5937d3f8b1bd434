// SPDX-License-Identifier: Apache-2.0
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { areOverlapping } from '../../ipam/address.ts'
import type { RoutedSubnet } from '../../network/network-driver.ts'
import { listRanges, type Range } from './ranges.ts'
import type { PortLeg } from './port-legs.ts'
import type { ResolvedAddress } from '../port/claim-address.ts'

export interface Apart {
  interfaces: RoutedSubnet[]
  ports: PortLeg[]
  lacks: Outcome[]
}

/** Subnets inside and outside of the router must not overlap: those that are not joined yet wait. Pure. */
export function withoutOverlap(
  interfaces: readonly RoutedSubnet[],
  ports: readonly PortLeg[],
  gateway: { addresses: readonly ResolvedAddress[] } | undefined,
): Apart {
  if (!gateway) return { interfaces: [...interfaces], ports: [...ports], lacks: [] }
  const outer = ({ cidr }: Range) => gateway.addresses.find(({ subnet }) => areOverlapping(cidr, subnet.spec.cidr))
  const clashing = listRanges(interfaces, ports).filter((range) => outer(range) !== undefined)
  const lacks = clashing.map((range) => {
    const outside = outer(range)?.subnet
    const where = outside ? `Subnet ${keyOfObject(outside)} (${outside.spec.cidr}) of its external Network` : ''
    return waitFor(
      'CIDROverlap',
      `${range.name} (${range.cidr}) overlaps ${where}: a packet could go to either; take it out, or write another Network in spec.externalGateway`,
    )
  })
  const isApart = (uid: string) => clashing.every(({ legUid }) => legUid !== uid)
  return {
    interfaces: interfaces.filter(({ uid }) => isApart(uid)),
    ports: ports.filter(({ logical }) => isApart(logical.uid)),
    lacks,
  }
}
