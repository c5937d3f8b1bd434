// SPDX-License-Identifier: Apache-2.0
import type { Network, Router, Subnet } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { gatewayMac } from '../../network/own-macs.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { RealisedNetwork } from '../common/realised-network.ts'
import { chooseAddresses } from '../port/choose-addresses.ts'
import { claimFrom, listSubnets, type ResolvedAddress } from '../port/claim-address.ts'
import { assertMayAskFor } from '../port/owners-choice.ts'
import { hasGatewayOn, holderOfRouter } from './kind.ts'
import { planOf } from '../subnet/range.ts'

export type GatewayDeps = Pick<OperatorDeps, 'caches' | 'addresses' | 'subnetArrivals'>

/** Of each family one, or what the spec asks for. */
export async function claimAddresses(
  router: Router,
  network: RealisedNetwork,
  deps: GatewayDeps,
): Promise<Found<ResolvedAddress[]>> {
  const wanted = router.spec.externalGateway?.fixedIPs
  if (!wanted) {
    const as = { holder: holderOfRouter(router), mac: gatewayMac(router.metadata.uid) }
    const kept = await claimKept(router, network, deps)
    return kept ?? chooseAddresses(network, { ...as, field: 'spec.externalGateway.networkRef' }, deps)
  }
  const subnets = listSubnets(network, deps)
  const had = givenOn(router, network)
  const requests: Request[] = []
  for (const [i, { subnetRef, ipAddress }] of wanted.entries()) {
    const field = `spec.externalGateway.fixedIPs[${i}]`
    const subnet = subnets.find(({ metadata }) => metadata.name === subnetRef.name)
    if (!subnet) {
      const message = `Subnet ${subnetRef.name} in ${field}.subnetRef is no Subnet of Network ${keyOfObject(network)}: name one of it`
      return missing('SubnetNotFound', message)
    }
    const isGiven = (one: { subnetUID: string; ipAddress: string }) =>
      one.subnetUID === subnet.metadata.uid && (ipAddress ?? one.ipAddress) === one.ipAddress
    const given = had.find(isGiven)
    if (ipAddress !== undefined && !given) assertMayAskFor(router, { network, subnet, address: ipAddress, field })
    requests.push({ subnet, given, requested: ipAddress ?? given?.ipAddress, field: `${field}.ipAddress` })
  }
  return claimAll(router, requests, deps)
}

/** The addresses that it has, of the subnets that still exist; undefined: it has none. */
export async function claimKept(
  router: Router,
  network: RealisedNetwork,
  deps: GatewayDeps,
): Promise<Found<ResolvedAddress[]> | undefined> {
  const subnets = listSubnets(network, deps)
  const kept = givenOn(router, network).flatMap((given, i): Request[] => {
    const subnet = subnets.find(({ metadata }) => metadata.uid === given.subnetUID)
    const field = `status.externalGateway.fixedIPs[${i}]`
    return subnet ? [{ subnet, given, requested: given.ipAddress, field }] : []
  })
  return kept.length === 0 ? undefined : claimAll(router, kept, deps)
}

function givenOn(router: Router, network: Network) {
  return hasGatewayOn(router, network.metadata.uid) ? (router.status?.externalGateway?.fixedIPs ?? []) : []
}

interface Request {
  subnet: Subnet
  given: { ipAddress: string; prefixLength: number } | undefined
  requested: string | undefined
  field: string
}

async function claimAll(
  router: Router,
  requests: readonly Request[],
  deps: GatewayDeps,
): Promise<Found<ResolvedAddress[]>> {
  const [holder, mac] = [holderOfRouter(router), gatewayMac(router.metadata.uid)]
  const addresses: ResolvedAddress[] = []
  for (const { subnet, given, requested, field } of requests) {
    if (requested !== undefined && requested === planOf(subnet).gatewayIP) {
      const message = `${field} ${requested} is the gateway of Subnet ${subnet.metadata.name}, to which the Router sends: write another address or leave it out`
      return missing('AddressReserved', message)
    }
    const address = await claimFrom(subnet, holder, { requested, mac, field, given }, deps)
    if (!address.ok) return address
    if (addresses.some((other) => other.address === address.object.address)) {
      return missing(
        'AddressInUse',
        `${field} asks for a second address of Subnet ${subnet.metadata.name}: write it in ipAddress`,
      )
    }
    addresses.push(address.object)
  }
  return found(addresses)
}
