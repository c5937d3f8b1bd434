// SPDX-License-Identifier: Apache-2.0
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { areOverlapping } from '../../ipam/address.ts'
import type { RoutedSubnet } from '../../network/logical-kinds.ts'
import { listRanges, type Range } from './ranges.ts'
import type { PortLeg } from './port-legs.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { cidrOf } from '../subnet/range.ts'
import { findForeignOutside, type Outside } from './scopes.ts'

export interface Apart {
  interfaces: RoutedSubnet[]
  ports: PortLeg[]
  lacks: Outcome[]
}

/** Subnets inside and outside of the router must not overlap, nor be of AddressScopes that keep them apart: those that are not joined yet wait. Pure. */
export function withoutOverlap(
  interfaces: readonly RoutedSubnet[],
  ports: readonly PortLeg[],
  gateway: Outside | undefined,
  { caches }: Pick<OperatorDeps, 'caches'>,
): Apart {
  if (!gateway) return { interfaces: [...interfaces], ports: [...ports], lacks: [] }
  const outer = ({ cidr }: Range) => gateway.addresses.find(({ subnet }) => areOverlapping(cidr, cidrOf(subnet) ?? ''))
  const why = (range: Range): Outcome | undefined => {
    const outside = outer(range)?.subnet
    if (!outside) return findForeignOutside(range, gateway, caches)
    const where = `Subnet ${keyOfObject(outside)} (${cidrOf(outside) ?? ''}) of its external Network`
    return waitFor(
      'CIDROverlap',
      `${range.name} (${range.cidr}) overlaps ${where}: a packet could go to either; take it out, or write another Network in spec.externalGateway`,
    )
  }
  const clashing = new Map<Range, Outcome>()
  for (const range of listRanges(interfaces, ports)) {
    const outcome = why(range)
    if (outcome) clashing.set(range, outcome)
  }
  const isApart = (uid: string) => [...clashing.keys()].every(({ legUid }) => legUid !== uid)
  return {
    interfaces: interfaces.filter(({ uid }) => isApart(uid)),
    ports: ports.filter(({ logical }) => isApart(logical.uid)),
    lacks: [...clashing.values()],
  }
}
