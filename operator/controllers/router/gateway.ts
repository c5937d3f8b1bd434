// SPDX-License-Identifier: Apache-2.0
import type { Network, Router, Subnet } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { planSubnet } from '../../ipam/subnet-plan.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import type { LogicalGateway } from '../../network/network-driver.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { gatewayMac } from '../../network/own-macs.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isRealised, type RealisedNetwork } from '../common/realised-network.ts'
import { chooseAddresses } from '../port/choose-addresses.ts'
import { claimFrom, listSubnets, type ResolvedAddress } from '../port/claim-address.ts'
import { chooseGateways, listGatewayNodes } from './gateway-nodes.ts'
import { hasGatewayOn, holderOfRouter, outside } from './kind.ts'

export type GatewayDeps = Pick<OperatorDeps, 'caches' | 'addresses' | 'subnetArrivals'>

export interface Gateway {
  logical: LogicalGateway
  network: RealisedNetwork
  addresses: readonly ResolvedAddress[]
}

export interface ResolvedGateway {
  gateway?: Gateway
  /** Why it is missing. */
  lacks?: Outcome
  /** Why the existing one cannot be resolved at the moment: nothing may be changed meanwhile. */
  unknown?: Outcome
}

/** The router's way to the outside, with its addresses claimed. */
export async function resolveGateway(router: Router, deps: GatewayDeps): Promise<ResolvedGateway> {
  if (!router.spec.externalGateway) return {}
  const network = resolveOnly(outside, router, deps.caches)
  if (!network.ok) return { lacks: network.outcome }
  const isThere = hasGatewayOn(router, network.object.metadata.uid)
  const ready = findReady(network.object, isThere)
  if (!ready.ok) return isThere ? { unknown: ready.outcome } : { lacks: ready.outcome }
  const nodes = findNodes(router, ready.object, deps)
  // Without a node it would be on all of them at once.
  if (!nodes.ok) return { lacks: nodes.outcome }
  const wanted = await claimAddresses(router, ready.object, deps)
  // While it cannot have the addresses that it asks for, it keeps those that it has.
  const addresses = wanted.ok || !isThere ? wanted : await claimKept(router, ready.object, deps)
  if (!addresses?.ok) return { lacks: wanted.ok ? addresses?.outcome : wanted.outcome }
  const logical = logicalGateway(router, ready.object, addresses.object, nodes.object)
  const gateway = { logical, network: ready.object, addresses: addresses.object }
  return wanted.ok ? { gateway } : { gateway, lacks: wanted.outcome }
}

/** One that was external when the gateway was made stays usable by it: what carries traffic is not cut by a field of somebody else. */
function findReady(network: Network, isThere: boolean): Found<RealisedNetwork> {
  const key = keyOfObject(network)
  if (network.spec.external !== true && !isThere) {
    const message = `Network ${key} in spec.externalGateway.networkRef is not external: name one whose spec.external is true, which an administrator of the cloud makes`
    return missing('NetworkNotExternal', message)
  }
  return isRealised(network) ? found(network) : missing('NetworkNotReady', `waiting for Network ${key}`)
}

function findNodes(router: Router, { status }: RealisedNetwork, deps: GatewayDeps): Found<string[]> {
  const candidates = listGatewayNodes(status.physicalNetwork, deps)
  const nodes = chooseGateways(router.status?.gateways ?? [], candidates, router.metadata.uid)
  if (nodes.length > 0) return found(nodes)
  const where =
    status.physicalNetwork === undefined ? '' : ` and is connected to physical network ${status.physicalNetwork}`
  const message = `no node can carry its traffic to the outside: label one with nephele.dev/network=gateway that is up, not cordoned${where} (kubectl get computenodes)`
  return missing('NoGatewayNode', message)
}

/** Of each family one, or what the spec asks for. */
async function claimAddresses(
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
    requests.push({ subnet, given, requested: ipAddress ?? given?.ipAddress, field: `${field}.ipAddress` })
  }
  return claimAll(router, requests, deps)
}

/** The addresses that it has, of the subnets that still exist; undefined: it has none. */
async function claimKept(
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
    if (requested !== undefined && requested === planSubnet(subnet.spec).gatewayIP) {
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

function logicalGateway(
  router: Router,
  network: RealisedNetwork,
  addresses: readonly ResolvedAddress[],
  nodes: readonly string[],
): LogicalGateway {
  const ipv4 = addresses.find(({ address }) => familyOf(address) === 'IPv4')?.address
  const nextHops = new Map<string, string>()
  for (const { subnet } of addresses) {
    const { gatewayIP } = planSubnet(subnet.spec)
    const family = familyOf(subnet.spec.cidr)
    if (gatewayIP !== undefined && !nextHops.has(family)) nextHops.set(family, gatewayIP)
  }
  return {
    networkUid: network.metadata.uid,
    mac: gatewayMac(router.metadata.uid),
    mtu: network.status.mtu,
    addresses: addresses.map(({ address, prefixLength }) => ({ address, prefixLength })),
    nextHops: [...nextHops.values()],
    nodes,
    ...(ipv4 === undefined || router.spec.externalGateway?.enableSNAT === false ? {} : { snatAddress: ipv4 }),
  }
}

/** As its status says it. */
export function gatewayStatus({
  network,
  addresses,
  logical,
}: Gateway): NonNullable<Router['status']>['externalGateway'] {
  return {
    network: keyOfObject(network),
    networkUID: network.metadata.uid,
    fixedIPs: addresses.map(({ subnet, address, prefixLength }) => ({
      subnet: subnet.metadata.name,
      subnetUID: subnet.metadata.uid,
      ipAddress: address,
      prefixLength,
    })),
    snat: logical.snatAddress !== undefined,
  }
}
