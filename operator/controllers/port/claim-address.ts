// SPDX-License-Identifier: Apache-2.0
import type { Network, Subnet } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { ClaimHolder } from '../../ipam/claim-block.ts'
import type { ClaimSubnet } from '../../ipam/claim-order.ts'
import { deriveAddress } from '../../ipam/derived-address.ts'
import { checkRequested, type SubnetPlan } from '../../ipam/subnet-plan.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { ipv6ServiceOf, isAddressDerived } from '../subnet/dhcp.ts'
import { nameserversOf } from '../subnet/logical-subnet.ts'
import { findUsablePlan } from '../subnet/reconcile.ts'
import { cidrOf } from '../subnet/range.ts'

export interface ResolvedAddress {
  subnet: Subnet
  address: string
  prefixLength: number
  dnsNameservers: readonly string[]
}

/** Sorted by name, so that the order does not depend on which Subnet was created first. */
export function listSubnets(network: Network, deps: Pick<OperatorDeps, 'caches'>): Subnet[] {
  const subnets = deps.caches.subnets.listBy('network', keyOfObject(network))
  return subnets.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}

export interface AddressRequest {
  requested: string | undefined
  /** The port's MAC: the address follows from it where guests derive theirs from prefix and MAC. */
  mac: string
  field: string
  /** The address that the port already has from this subnet. */
  given?: { ipAddress: string; prefixLength: number } | undefined
}

export async function claimFrom(
  subnet: Subnet,
  holder: ClaimHolder,
  request: AddressRequest,
  deps: Pick<OperatorDeps, 'caches' | 'addresses'>,
): Promise<Found<ResolvedAddress>> {
  const { name, uid, namespace = '' } = subnet.metadata
  const dnsNameservers = nameserversOf(subnet, deps.caches.clouds)
  const { given } = request
  if (
    given !== undefined &&
    subnet.metadata.deletionTimestamp !== undefined &&
    !deps.addresses.has(uid, holder, given.ipAddress)
  ) {
    // A Subnet being deleted gives nobody else an address, and in a namespace being deleted no claim can be created.
    return found({ subnet, address: given.ipAddress, prefixLength: given.prefixLength, dnsNameservers })
  }
  const siblings = deps.caches.subnets.listBy('network', `${namespace}/${subnet.spec.networkRef.name}`)
  const isKept = deps.addresses.has(uid, holder, request.requested)
  const plan = findUsablePlan(subnet, siblings, isKept)
  if (!plan) return missing('SubnetNotReady', `Subnet ${name} cannot be used: see its conditions`)
  const router = isKept ? undefined : findRouterAt(request.requested, plan, subnet, deps)
  if (router)
    return missing(
      'AddressInUse',
      `${request.requested ?? ''} is the gateway address that Router ${router} has (${request.field})`,
    )
  const target: ClaimSubnet = { namespace, name, uid, plan }
  const result = await deps.addresses.claim(target, holder, checked(plan, subnet, request))
  if (!result.ok) return missing(result.reason, `${result.message} (${request.field})`)
  return found({ subnet, address: result.address, prefixLength: plan.cidr.prefixLength, dnsNameservers })
}

function findRouterAt(
  requested: string | undefined,
  plan: SubnetPlan,
  { metadata }: Subnet,
  { caches }: Pick<OperatorDeps, 'caches'>,
): string | undefined {
  if (requested === undefined || requested !== plan.gatewayIP) return undefined
  return caches.routers.listBy('legUID', metadata.uid).map(keyOfObject)[0]
}

function checked(plan: SubnetPlan, subnet: Subnet, { requested, mac, field }: AddressRequest): string | undefined {
  const cidr = cidrOf(subnet) ?? ''
  const wanted = requested === undefined ? undefined : checkRequested(plan, requested, field, cidr)
  if (wanted !== undefined && wanted === plan.gatewayIP && ipv6ServiceOf(subnet)?.routerAdvertisements) {
    throw new TerminalError(
      'AddressReserved',
      `${field} ${wanted} is the gateway's, which the network has itself to announce ${cidr}: for a router of your own make a Subnet with ipv6: {routerAdvertisements: false}`,
    )
  }
  if (!isAddressDerived(subnet)) return wanted
  const derived = deriveAddress(plan.cidr, mac)
  if (wanted === undefined || wanted === derived) return derived
  throw new TerminalError(
    'AddressDerived',
    `${field} ${wanted}: guests of Subnet ${subnet.metadata.name} make their address themselves, ${derived} with MAC ${mac}; leave it out, or use a Subnet with addressMode dhcpv6-stateful`,
  )
}
