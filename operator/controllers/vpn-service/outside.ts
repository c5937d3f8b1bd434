// SPDX-License-Identifier: Apache-2.0
// Where a VPNService stands: its Router, its address on the Router's external Network, and the node that carries the Router's traffic.
import type { Router, Subnet, VPNService } from '../../../lib/api/types.ts'
import { servicePortMac } from '../../../lib/contract/service-port.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { allMissing, found, missing, type Found } from '../../kind/found.ts'
import { findFirst } from '../../kind/is-older.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isRealised, type RealisedNetwork } from '../common/realised-network.ts'
import { claimFrom, listSubnets, type ResolvedAddress } from '../port/claim-address.ts'
import { familyOfSubnet, planOf } from '../subnet/range.ts'
import { holderOfVPNService, router as routerOfService } from './kind.ts'

type PlaceDeps = Pick<OperatorDeps, 'addresses' | 'caches' | 'network'>

export interface Outside {
  router: Router
  network: RealisedNetwork
  address: ResolvedAddress
  /** Of the Subnet: where peers elsewhere are reached. */
  gatewayIP: string | undefined
  node: string
}

export async function resolveOutside(service: VPNService, deps: PlaceDeps): Promise<Found<Outside>> {
  const router = findRouter(service, deps)
  if (!router.ok) return router
  const network = findNetwork(router.object, deps)
  if (!network.ok) return network
  const address = await claimAddress(service, network.object, deps)
  if (!address.ok) return address
  const node = chooseNode(service, router.object, deps)
  if (!node.ok) return node
  const { gatewayIP } = planOf(address.object.subnet)
  return found({
    ...{ router: router.object, network: network.object, address: address.object },
    ...{ gatewayIP, node: node.object },
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

/** Its own, beside the Router's: as in Neutron's VPN agent for OVN. */
async function claimAddress(
  service: VPNService,
  network: RealisedNetwork,
  deps: PlaceDeps,
): Promise<Found<ResolvedAddress>> {
  const { externalIP, subnet: named, networkUID } = service.status ?? {}
  const isThere = networkUID === network.metadata.uid
  const subnets = listSubnets(network, deps).filter(isIPv4)
  const candidates = isThere ? subnets.filter(({ metadata }) => metadata.name === named) : subnets
  const tried: ReturnType<typeof missing>[] = []
  for (const subnet of candidates) {
    const given =
      isThere && externalIP !== undefined
        ? { ipAddress: externalIP, prefixLength: planOf(subnet).cidr.prefixLength }
        : undefined
    const mac = servicePortMac(service.metadata.uid, '')
    const request = { requested: given?.ipAddress, mac, field: 'the address of the VPN', given }
    const address = await claimFrom(subnet, holderOfVPNService(service), request, deps)
    if (address.ok) return address
    tried.push(address)
  }
  const message = `Network ${keyOfObject(network)} has no IPv4 Subnet: create one, and this goes on by itself`
  return allMissing(tried.map(({ outcome }) => outcome)) ?? missing('NoSubnet', message)
}

function isIPv4(subnet: Subnet): boolean {
  return familyOfSubnet(subnet) === 'IPv4'
}

/** Where the Router's traffic goes, so that both move together. While that is not known it stays where it is. */
function chooseNode({ status }: VPNService, router: Router, { network }: PlaceDeps): Found<string> {
  const allowed = router.status?.gateways ?? []
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
  kept: ResolvedAddress | undefined,
  { addresses }: Pick<OperatorDeps, 'addresses'>,
): Promise<void> {
  const isKept = (subnetUid: string, address: string) =>
    kept?.subnet.metadata.uid === subnetUid && kept.address === address
  const held = addresses.listHeld(holderOfVPNService(service))
  await addresses.release(held.filter(({ block, entry }) => !isKept(block.subnetUid, entry.address)))
}

export function recordOutside(service: VPNService, { router, network, address }: Outside): void {
  Object.assign((service.status ??= {}), {
    ...{ router: keyOfObject(router), routerUID: router.metadata.uid },
    ...{ network: keyOfObject(network), networkUID: network.metadata.uid },
    ...{ subnet: address.subnet.metadata.name, externalIP: address.address },
  })
}
