// SPDX-License-Identifier: Apache-2.0
import type { Network, Router } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { areOverlapping } from '../../ipam/address.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import type { LogicalGateway } from '../../network/logical-kinds.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { gatewayMac } from '../../network/own-macs.ts'
import { hasPort } from '../../placed/router-ports.ts'
import { toAddressList } from '../common/address-list.ts'
import { refuseOnExternal } from '../common/sdn-controller.ts'
import { isRealised, type RealisedNetwork } from '../common/realised-network.ts'
import type { ResolvedAddress } from '../port/claim-address.ts'
import { isForeignTo } from '../port/owners-choice.ts'
import { claimAddresses, claimKept, type GatewayDeps } from './gateway-addresses.ts'
import { chooseGateways, listGatewayNodes, type GatewayNode } from '../common/gateway-nodes.ts'
import { gateway as gatewayOfRouter, hasGatewayOn, hasLeg, outside } from './kind.ts'
import type { Range } from './ranges.ts'
import { cidrOf, planOf } from '../subnet/range.ts'
import { findForeignOutside } from './scopes.ts'

export interface Gateway {
  network: RealisedNetwork
  addresses: readonly ResolvedAddress[]
  snat: boolean
  /** Empty: no node can carry it at the moment, and it keeps its addresses meanwhile. */
  nodes: readonly string[]
  candidates: readonly GatewayNode[]
}

export interface ResolvedGateway {
  gateway?: Gateway
  /** Why it is missing, or not as the spec wants it. */
  lacks: readonly Outcome[]
  /** What of the spec can never be. */
  refused?: TerminalError
  /** Why the existing one cannot be resolved at the moment: nothing may be changed meanwhile. */
  unknown?: Outcome
}

type Wanted = Omit<Gateway, 'nodes' | 'candidates'>

/**
 * The router's way to the outside, with its addresses claimed. What it has it keeps as long as the spec wants a gateway and what the
 * spec asks for cannot be had, a mistyped name included.
 */
export async function resolveGateway(
  router: Router,
  ranges: readonly Range[],
  deps: GatewayDeps,
): Promise<ResolvedGateway> {
  if (!router.spec.externalGateway) return { lacks: [] }
  const present = findPresent(router, deps)
  if (present && !isRealised(present))
    return { lacks: [], unknown: waitFor('NetworkNotReady', `waiting for Network ${keyOfObject(present)}`) }
  const { wanted, refused } = await tryWanted(router, ranges, deps)
  const lacks = wanted && !wanted.ok ? [wanted.outcome] : []
  const chosen = wanted?.ok ? wanted.object : present && (await keep(router, present, deps))
  if (!chosen) return { lacks, ...(refused ? { refused } : {}) }
  const candidates = listGatewayNodes(chosen.network.status.physicalNetwork, deps)
  const nodes = findNodes(router, chosen.network, candidates)
  return {
    gateway: { ...chosen, nodes: nodes.ok ? nodes.object : [], candidates },
    lacks: nodes.ok ? lacks : [...lacks, nodes.outcome],
    ...(refused ? { refused } : {}),
  }
}

/** The Network of the gateway that it has. */
function findPresent(router: Router, { caches }: GatewayDeps): Network | undefined {
  const [named] = gatewayOfRouter.refs(router)
  const network = named && caches.networks.find(named.ref.namespace, named.ref.name)
  return network && hasGatewayOn(router, network.metadata.uid) ? network : undefined
}

async function tryWanted(
  router: Router,
  ranges: readonly Range[],
  deps: GatewayDeps,
): Promise<{ wanted?: Found<Wanted>; refused?: TerminalError }> {
  try {
    return { wanted: await resolveWanted(router, ranges, deps) }
  } catch (error) {
    if (error instanceof TerminalError) return { refused: error }
    throw error
  }
}

async function resolveWanted(router: Router, ranges: readonly Range[], deps: GatewayDeps): Promise<Found<Wanted>> {
  const network = resolveOnly(outside, router, deps.caches)
  if (!network.ok) return network
  const ready = findReady(network.object, hasGatewayOn(router, network.object.metadata.uid))
  if (!ready.ok) return ready
  const snat = router.spec.externalGateway?.enableSNAT ?? true
  if (!snat) assertMayRoute(router, ready.object)
  const addresses = await claimAddresses(router, ready.object, deps)
  if (!addresses.ok) return addresses
  const overlap = findOverlap(router, ranges, addresses.object)
  if (overlap) return overlap
  const wanted = { network: ready.object, addresses: addresses.object, snat }
  const joined = ranges.filter(({ legUid }) => hasLeg(router, legUid) || hasPort(router, legUid))
  const [foreign] = joined.flatMap((range) => findForeignOutside(range, wanted, deps.caches) ?? [])
  return foreign ? { ok: false, outcome: foreign } : found(wanted)
}

/** One that was external when the gateway was made stays usable by it: what carries traffic is not cut by a field of somebody else. */
function findReady(network: Network, isThere: boolean): Found<RealisedNetwork> {
  const key = keyOfObject(network)
  const unsupported = refuseOnExternal(network, 'a gateway on it (spec.externalGateway)', 'name another Network')
  if (unsupported) return { ok: false, outcome: unsupported }
  if (network.spec.external !== true && !isThere) {
    const message = `Network ${key} in spec.externalGateway.networkRef is not external: name one whose spec.external is true, which an administrator of the cloud makes`
    return missing('NetworkNotExternal', message)
  }
  return isRealised(network) ? found(network) : missing('NetworkNotReady', `waiting for Network ${key}`)
}

/**
 * Whoever sends outside under addresses of his own choice could send under somebody else's, as in Neutron's default policy
 * (create_router:external_gateway_info:enable_snat). @throws TerminalError `NotNetworkOwner`
 */
function assertMayRoute(router: Router, network: Network): void {
  if (!isForeignTo(network, router) || router.status?.externalGateway?.snat === false) return
  const message = `spec.externalGateway.enableSNAT can be false only in the namespace of Network ${keyOfObject(network)}: leave it out`
  throw new TerminalError('NotNetworkOwner', message)
}

/** A subnet that it has joined already stays joined. */
function findOverlap(
  router: Router,
  ranges: readonly Range[],
  addresses: readonly ResolvedAddress[],
): { ok: false; outcome: Outcome } | undefined {
  for (const { subnet } of addresses) {
    const isThere = (uid: string) => hasLeg(router, uid) || hasPort(router, uid)
    const leg = ranges.find(({ legUid, cidr }) => isThere(legUid) && areOverlapping(cidr, cidrOf(subnet) ?? ''))
    if (!leg) continue
    const message = `Subnet ${keyOfObject(subnet)} (${cidrOf(subnet) ?? ''}) of the external Network overlaps ${leg.name} (${leg.cidr}): a packet could go to either; take that one out of spec.interfaces, or write another Network`
    return missing('CIDROverlap', message)
  }
  return undefined
}

async function keep(router: Router, network: Network, deps: GatewayDeps): Promise<Wanted | undefined> {
  if (!isRealised(network)) return undefined
  const addresses = await claimKept(router, network, deps)
  return addresses?.ok
    ? { network, addresses: addresses.object, snat: router.status?.externalGateway?.snat ?? true }
    : undefined
}

function findNodes(router: Router, { status }: RealisedNetwork, candidates: readonly GatewayNode[]): Found<string[]> {
  const nodes = chooseGateways(router.status?.gateways ?? [], candidates, router.metadata.uid)
  if (nodes.length > 0) return found(nodes)
  const where =
    status.physicalNetwork === undefined ? '' : ` and is connected to physical network ${status.physicalNetwork}`
  const message = `no node can carry its traffic to the outside: label one with nephele.dev/network=gateway that is up, not cordoned${where} (kubectl get computenodes)`
  return missing('NoGatewayNode', message)
}

/**
 * As the backend is to have it; undefined: not at the moment, since without a node it would be on all of them at once.
 * @param withoutSNAT ranges that are not translated
 */
export function logicalGateway(
  router: Router,
  { network, addresses, snat, nodes }: Gateway,
  withoutSNAT: readonly string[],
): LogicalGateway | undefined {
  if (nodes.length === 0) return undefined
  const ipv4 = addresses.find(({ address }) => familyOf(address) === 'IPv4')?.address
  const nextHops = new Map<string, string>()
  for (const { subnet } of addresses) {
    const { gatewayIP } = planOf(subnet)
    const family = gatewayIP === undefined ? '' : familyOf(gatewayIP)
    if (gatewayIP !== undefined && !nextHops.has(family)) nextHops.set(family, gatewayIP)
  }
  return {
    networkUid: network.metadata.uid,
    mac: gatewayMac(router.metadata.uid),
    mtu: network.status.mtu,
    addresses: addresses.map(({ address, prefixLength }) => ({ address, prefixLength })),
    nextHops: [...nextHops.values()],
    nodes,
    ...(ipv4 === undefined || !snat ? {} : { snatAddress: ipv4, ...(withoutSNAT.length === 0 ? {} : { withoutSNAT }) }),
  }
}

/** As its status says it. */
export function gatewayStatus({ network, addresses, snat }: Gateway): NonNullable<Router['status']>['externalGateway'] {
  const fixedIPs = addresses.map(({ subnet, address, prefixLength }) => ({
    subnet: subnet.metadata.name,
    subnetUID: subnet.metadata.uid,
    ipAddress: address,
    prefixLength,
  }))
  const addressList = toAddressList(fixedIPs)
  return {
    network: keyOfObject(network),
    networkUID: network.metadata.uid,
    fixedIPs,
    ...(addressList === undefined ? {} : { addressList }),
    snat,
  }
}
