// SPDX-License-Identifier: Apache-2.0
import type { Network, Subnet } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { ClaimHolder } from '../../ipam/claim-block.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { findUsablePlan } from '../subnet/reconcile.ts'
import { claimFrom, listSubnets, type ResolvedAddress } from './claim-address.ts'
import { familyOfSubnet } from '../subnet/range.ts'

/**
 * Subnets created within this time of each other count as created together: if the network still lacks an IP family, a port waits this
 * long after the last Subnet, so that the result does not depend on which is seen first.
 */
export const SETTLE_MS = 800
const FAMILIES = ['IPv4', 'IPv6'] as const

/**
 * For a port that asks for no address: one address of each IP family for which the network has a usable subnet, IPv4 first, from the first
 * subnet by name that has room.
 * @param field the field that refers to the network, for messages
 */
export async function chooseAddresses(
  network: Network,
  request: { holder: ClaimHolder; mac: string; field: string },
  deps: Pick<OperatorDeps, 'caches' | 'addresses' | 'subnetArrivals'>,
): Promise<Found<ResolvedAddress[]>> {
  const subnets = listSubnets(network, deps)
  const usable = subnets.filter((subnet) => findUsablePlan(subnet, subnets) !== undefined)
  const families = FAMILIES.map((family) => usable.filter((subnet) => familyOfSubnet(subnet) === family))
  if (families.some((list) => list.length === 0)) {
    const leftMs = SETTLE_MS - deps.subnetArrivals.sinceLastMs(subnets.map(({ metadata }) => metadata.uid))
    const message = `Network ${keyOfObject(network)} has Subnets that were just made: waiting for another one of the same apply`
    if (leftMs > 0) return missing('SubnetsSettling', message, Math.ceil(leftMs))
  }
  const addresses: ResolvedAddress[] = []
  for (const family of families.filter((list) => list.length > 0)) {
    const address = await claimFromFirst(family, request, deps)
    if (!address.ok) return address
    addresses.push(address.object)
  }
  return addresses.length > 0 ? found(addresses) : noSubnet(network, subnets)
}

async function claimFromFirst(
  subnets: readonly Subnet[],
  { holder, mac, field }: { holder: ClaimHolder; mac: string; field: string },
  deps: Pick<OperatorDeps, 'caches' | 'addresses'>,
): Promise<Found<ResolvedAddress>> {
  let last: Found<ResolvedAddress> | undefined
  for (const subnet of subnets) {
    last = await claimFrom(subnet, holder, { requested: undefined, mac, field }, deps)
    if (last.ok) return last
  }
  if (!last) throw new TypeError('no subnet to claim from')
  return last
}

function noSubnet(network: Network, [first]: readonly Subnet[]): ReturnType<typeof missing> {
  return first
    ? missing('SubnetNotReady', `Subnet ${first.metadata.name} cannot be used: see its conditions`)
    : missing('NoSubnet', `Network ${keyOfObject(network)} has no Subnet: create one, and this goes on by itself`)
}
