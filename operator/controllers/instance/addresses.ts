// SPDX-License-Identifier: Apache-2.0
import type { Instance, Network, Subnet } from '../../../lib/api/types.ts'
import { isTerminal, type TerminalError } from '../../../lib/errors.ts'
import type { ClaimHolder } from '../../ipam/claim-block.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { claimFrom, listSubnets, type ResolvedAddress } from '../port/claim-address.ts'
import { chooseAddresses } from '../port/choose-addresses.ts'
import type { Nic } from './nics.ts'

type AddressDeps = Pick<OperatorDeps, 'caches' | 'addresses' | 'subnetArrivals'>

/** Claims addresses for a port about to be made: what the interface asks for, or one address of each family. */
export async function claimAddresses(
  instance: Instance,
  nic: Nic,
  { network, mac }: { network: Network; mac: string },
  deps: AddressDeps,
): Promise<Found<ResolvedAddress[]>> {
  const { namespace = '', uid } = instance.metadata
  const holder = { namespace, name: nic.portName, instanceUid: uid }
  const { subnetRef, ipAddress } = nic.want
  const field = `spec.networks[${nic.index}]`
  if (!subnetRef && ipAddress === undefined) return chooseAddresses(network, { holder, mac, field }, deps)
  const subnets = listSubnets(network, deps)
  const candidates = subnetRef ? subnets.filter(({ metadata }) => metadata.name === subnetRef.name) : subnets
  if (candidates.length === 0) {
    return subnetRef
      ? missing(
          'SubnetNotFound',
          `Subnet ${subnetRef.name} in ${field}.subnetRef is no Subnet of Network ${network.metadata.namespace ?? ''}/${network.metadata.name}: create it`,
        )
      : missing('NoSubnet', `the Network in ${field}.networkRef has no Subnet: create one, and this goes on by itself`)
  }
  const address = await claimInMatching(
    candidates,
    holder,
    { requested: ipAddress, mac, field: `${field}.ipAddress` },
    deps,
  )
  return address.ok ? found([address.object]) : address
}

/** An address requested without a subnet is claimed from the subnet that contains it. */
async function claimInMatching(
  subnets: readonly Subnet[],
  holder: ClaimHolder,
  request: { requested: string | undefined; mac: string; field: string },
  deps: AddressDeps,
): Promise<Found<ResolvedAddress>> {
  let failure: TerminalError | undefined
  let unusable: Found<ResolvedAddress> | undefined
  for (const subnet of subnets) {
    try {
      const address = await claimFrom(subnet, holder, request, deps)
      if (address.ok || address.outcome.kind !== 'wait' || address.outcome.reason !== 'SubnetNotReady') return address
      // An unusable subnet does not stop us from trying the next one.
      unusable ??= address
    } catch (error) {
      if (!isTerminal(error)) throw error
      // The address may be outside this subnet and still be inside another.
      if (!failure || error.reason !== 'AddressOutsideSubnet') failure = error
    }
  }
  if (unusable && (!failure || failure.reason === 'AddressOutsideSubnet')) return unusable
  throw failure ?? new TypeError('no subnet to claim from')
}
