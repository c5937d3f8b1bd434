// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP, Network, Subnet } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { isIn } from '../../ipam/address.ts'
import { missing, type Found } from '../../kind/found.ts'
import { floatingMac } from '../../network/own-macs.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { claimFrom, listSubnets, type ResolvedAddress } from '../port/claim-address.ts'
import { assertMayAskFor } from '../port/owners-choice.ts'
import { holderOfFloatingIP } from './kind.ts'
import { cidrOf, familyOfSubnet, planOf } from '../subnet/range.ts'

type AddressDeps = Pick<OperatorDeps, 'addresses' | 'caches'>

/**
 * Its address, for life: the one that it has, the one that it asks for, or the first that is free.
 * @throws TerminalError for an address that the network can never give
 */
export async function claimAddress(
  floatingIP: FloatingIP,
  network: Network,
  deps: AddressDeps,
): Promise<Found<ResolvedAddress>> {
  const { spec, status } = floatingIP
  const subnets = listSubnets(network, deps).filter((subnet) => familyOfSubnet(subnet) === 'IPv4')
  const requested = status?.ipAddress ?? spec.ipAddress
  const named = status?.subnet ?? spec.subnetRef?.name
  const eligible = subnets.filter(({ metadata }) => named === undefined || metadata.name === named)
  if (eligible.length === 0) return noSubnet(network, named)
  // One that lies in none of them is refused by the first, with its range.
  const holding = requested === undefined ? [] : eligible.filter((subnet) => isIn(requested, cidrOf(subnet) ?? ''))
  const candidates = requested === undefined ? eligible : [holding[0] ?? eligible[0]].flatMap((subnet) => subnet ?? [])
  let last: Found<ResolvedAddress> | undefined
  for (const subnet of candidates) {
    last = await claimOne(floatingIP, network, subnet, requested, deps)
    if (last.ok) return last
  }
  return last ?? noSubnet(network, named)
}

async function claimOne(
  floatingIP: FloatingIP,
  network: Network,
  subnet: Subnet,
  requested: string | undefined,
  deps: AddressDeps,
): Promise<Found<ResolvedAddress>> {
  const { uid } = floatingIP.metadata
  const { ipAddress } = floatingIP.status ?? {}
  const plan = planOf(subnet)
  if (requested !== undefined && ipAddress === undefined && requested === plan.gatewayIP) {
    const message = `spec.ipAddress ${requested} is the gateway of Subnet ${subnet.metadata.name}: make a FloatingIP with another address, or without one`
    return missing('AddressReserved', message)
  }
  if (requested !== undefined && ipAddress === undefined)
    assertMayAskFor(floatingIP, { network, subnet, address: requested, field: 'spec.ipAddress' })
  const given = ipAddress === undefined ? undefined : { ipAddress, prefixLength: plan.cidr.prefixLength }
  const request = { requested, mac: floatingMac(uid), field: 'spec.ipAddress', given }
  return claimFrom(subnet, holderOfFloatingIP(floatingIP), request, deps)
}

function noSubnet(network: Network, named: string | undefined): ReturnType<typeof missing> {
  const key = keyOfObject(network)
  return named === undefined
    ? missing('NoSubnet', `Network ${key} has no IPv4 Subnet: create one, and this goes on by itself`)
    : missing('SubnetNotFound', `Subnet ${named} in spec.subnetRef is no IPv4 Subnet of Network ${key}: create it`)
}
