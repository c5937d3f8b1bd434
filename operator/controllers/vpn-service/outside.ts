// SPDX-License-Identifier: Apache-2.0
// Where a VPNService stands: its Router, its address on the Router's external Network, and the node that carries the Router's traffic.
import type { Router, VPNService } from '../../../lib/api/types.ts'
import { servicePortMac } from '../../../lib/contract/service-port.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { allMissing, found, missing, type Found } from '../../kind/found.ts'
import { findFirst } from '../../kind/is-older.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { isStaying } from '../../placed/lost-node.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isRealised, type RealisedNetwork } from '../common/realised-network.ts'
import { claimFrom, listSubnets, type ResolvedAddress } from '../port/claim-address.ts'
import { familyOfSubnet, planOf } from '../subnet/range.ts'
import { holderOfVPNService, router as routerOfService } from './kind.ts'

type PlaceDeps = Pick<OperatorDeps, 'addresses' | 'caches' | 'network'>

export interface OutsideAddress extends ResolvedAddress {
  family: 'IPv4' | 'IPv6'
  /** Of the Subnet: where peers elsewhere are reached. */
  gatewayIP: string | undefined
}

export interface Outside {
  router: Router
  network: RealisedNetwork
  /** One of each family that the Network has, IPv4 first. */
  addresses: readonly OutsideAddress[]
  node: string
}

export async function resolveOutside(service: VPNService, deps: PlaceDeps): Promise<Found<Outside>> {
  const router = findRouter(service, deps)
  if (!router.ok) return router
  const network = findNetwork(router.object, deps)
  if (!network.ok) return network
  const addresses = await claimAddresses(service, network.object, deps)
  if (!addresses.ok) return addresses
  const node = chooseNode(service, router.object, deps)
  if (!node.ok) return node
  return found({
    ...{ router: router.object, network: network.object },
    ...{ addresses: addresses.object, node: node.object },
  })
}

function findRouter(service: VPNService, { caches }: PlaceDeps): Found<Router> {
  const router = resolveOnly(routerOfService, service, caches)
  if (!router.ok) return router
  const { uid } = router.object.metadata
  const others = caches.vpnServices
    .listBy('routerUID', uid)
    .filter(({ metadata }) => metadata.uid !== service.metadata.uid)
  const rival = findFirst(others, service, service.status?.routerUID === uid)
  if (!rival) return router
  const message = `Router ${keyOfObject(router.object)} in spec.routerRef has VPNService ${keyOfObject(rival)} already: make the VPNConnections with that one`
  return missing('RouterInUse', message)
}

function findNetwork(router: Router, { caches }: PlaceDeps): Found<RealisedNetwork> {
  const { externalGateway } = router.status ?? {}
  const key = keyOfObject(router)
  if (!externalGateway)
    return missing(
      'RouterNotExternal',
      `Router ${key} in spec.routerRef has no gateway: write its externalGateway, or see its conditions`,
    )
  const network = caches.networks.findByUid(externalGateway.networkUID)
  return network && isRealised(network)
    ? found(network)
    : missing('NetworkNotReady', `waiting for Network ${externalGateway.network}`)
}

const FAMILIES = ['IPv4', 'IPv6'] as const
type Family = (typeof FAMILIES)[number]

/**
 * Its own, beside the Router's: as in Neutron's VPN agent for OVN. A Network of one family alone gives one. An address of a family that it never had
 * can wait while it has the other.
 */
async function claimAddresses(
  service: VPNService,
  network: RealisedNetwork,
  deps: PlaceDeps,
): Promise<Found<OutsideAddress[]>> {
  const claimed: OutsideAddress[] = []
  const lacks: Outcome[] = []
  for (const family of FAMILIES) {
    const address = await claimAddress(service, network, family, deps)
    if (address?.ok) claimed.push({ ...address.object, family, gatewayIP: planOf(address.object.subnet).gatewayIP })
    else if (address && addressOf(service, network, family)) return address
    else if (address) lacks.push(address.outcome)
  }
  const message = `Network ${keyOfObject(network)} has no Subnet: create one, and this goes on by itself`
  return claimed.length > 0 ? found(claimed) : (allMissing(lacks) ?? missing('NoSubnet', message))
}

/** What it has on this Network. */
function addressOf(
  { status = {} }: VPNService,
  network: RealisedNetwork,
  family: Family,
): { ipAddress: string; subnet: string | undefined } | undefined {
  const [ipAddress, subnet] =
    family === 'IPv4' ? [status.externalIP, status.subnet] : [status.externalIPv6, status.subnetIPv6]
  return status.networkUID === network.metadata.uid && ipAddress !== undefined ? { ipAddress, subnet } : undefined
}

/** @returns undefined when the Network has no Subnet of the family */
async function claimAddress(
  service: VPNService,
  network: RealisedNetwork,
  family: Family,
  deps: PlaceDeps,
): Promise<Found<ResolvedAddress> | undefined> {
  const held = addressOf(service, network, family)
  const subnets = listSubnets(network, deps).filter((subnet) => familyOfSubnet(subnet) === family)
  const candidates = held ? subnets.filter(({ metadata }) => metadata.name === held.subnet) : subnets
  const tried: ReturnType<typeof missing>[] = []
  for (const subnet of candidates) {
    const prefixLength = held && planOf(subnet).cidr.prefixLength
    const given = held && prefixLength !== undefined ? { ipAddress: held.ipAddress, prefixLength } : undefined
    const mac = servicePortMac(service.metadata.uid, '')
    const request = { requested: given?.ipAddress, mac, field: 'the address of the VPN', given }
    const address = await claimFrom(subnet, holderOfVPNService(service), request, deps)
    if (address.ok) return address
    tried.push(address)
  }
  return allMissing(tried.map(({ outcome }) => outcome))
}

/** Where the Router's traffic goes, so that both move together. While that is not known it stays where it is. */
function chooseNode({ status }: VPNService, router: Router, { network, caches }: PlaceDeps): Found<string> {
  const allowed = (router.status?.gateways ?? []).filter((name) => isStaying(name, { caches }))
  const carrying = network.gatewayNodeOf(router.metadata.uid)
  const node = [carrying, status?.node, allowed[0]].find((name) => name !== undefined && allowed.includes(name))
  if (node !== undefined) return found(node)
  return missing(
    'NoGatewayNode',
    `no node carries the traffic of Router ${keyOfObject(router)} to the outside: see its conditions`,
  )
}

/** Gives back what is not of this Network. */
export async function releaseOthers(
  service: VPNService,
  kept: readonly ResolvedAddress[],
  { addresses }: Pick<OperatorDeps, 'addresses'>,
): Promise<void> {
  const isKept = (subnetUid: string, address: string) =>
    kept.some((one) => one.subnet.metadata.uid === subnetUid && one.address === address)
  const held = addresses.listHeld(holderOfVPNService(service))
  await addresses.release(held.filter(({ block, entry }) => !isKept(block.subnetUid, entry.address)))
}

export function recordOutside(service: VPNService, { router, network, addresses }: Outside): void {
  const status = (service.status ??= {})
  delete status.externalIP
  delete status.subnet
  delete status.externalIPv6
  delete status.subnetIPv6
  Object.assign(status, { router: keyOfObject(router), routerUID: router.metadata.uid })
  Object.assign(status, { network: keyOfObject(network), networkUID: network.metadata.uid })
  for (const { family, address, subnet } of addresses) {
    const { name } = subnet.metadata
    Object.assign(
      status,
      family === 'IPv4' ? { externalIP: address, subnet: name } : { externalIPv6: address, subnetIPv6: name },
    )
  }
}
