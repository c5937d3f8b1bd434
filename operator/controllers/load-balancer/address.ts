// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer, Subnet } from '../../../lib/api/types.ts'
import type { Found } from '../../kind/found.ts'
import { metadataMac } from '../../../lib/contract/metadata-port.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { claimFrom, type AddressRequest, type ResolvedAddress } from '../port/claim-address.ts'
import { holderOfBalancer, holderOfProbes } from './kind.ts'

export type AddressDeps = Pick<OperatorDeps, 'addresses' | 'caches'>

/** Where it is reached, for life. */
export function claimVip(balancer: LoadBalancer, subnet: Subnet, deps: AddressDeps): Promise<Found<ResolvedAddress>> {
  const { vipAddress } = balancer.status ?? {}
  const request = {
    ...asked(vipAddress, 'spec.vip.ipAddress', balancer.spec.vip.ipAddress),
    mac: metadataMac(`vip-${balancer.metadata.uid}`),
  }
  return claimFrom(subnet, holderOfBalancer(balancer), request, deps)
}

/** From where members in this Subnet are probed: an address that nobody has, since their answers go back to it. */
export function claimProbe(balancer: LoadBalancer, subnet: Subnet, deps: AddressDeps): Promise<Found<ResolvedAddress>> {
  const had = balancer.status?.probeAddresses?.find(({ subnetUID }) => subnetUID === subnet.metadata.uid)
  const request = {
    ...asked(had?.ipAddress, 'the address for probes'),
    mac: metadataMac(`probe-${balancer.metadata.uid}`),
  }
  return claimFrom(subnet, holderOfProbes(balancer), request, deps)
}

/** One that it has it keeps. */
export function asked(had: string | undefined, field: string, wanted?: string): Omit<AddressRequest, 'mac'> {
  return {
    field,
    requested: had ?? wanted,
    given: had === undefined ? undefined : { ipAddress: had, prefixLength: 0 },
  }
}

/** Gives back the addresses of Subnets from which nobody is probed any more. */
export async function releaseProbes(
  balancer: LoadBalancer,
  kept: ReadonlySet<string>,
  { addresses }: AddressDeps,
): Promise<void> {
  const held = addresses.listHeld(holderOfProbes(balancer))
  await addresses.release(held.filter(({ block }) => !kept.has(block.subnetUid)))
}
