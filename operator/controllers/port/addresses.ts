// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { Network, Port, Subnet } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { ClaimHolder } from '../../ipam/claim-block.ts'
import type { ClaimSubnet } from '../../ipam/claim-order.ts'
import { chooseMac, DEFAULT_MAC_PREFIX, isReservedMac } from '../../ipam/mac.ts'
import { checkRequested, type SubnetPlan } from '../../ipam/subnet-plan.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { macKey } from '../common/indexes.ts'
import { found, missing, type Found } from '../common/references.ts'
import { findUsablePlan, nameserversOf } from '../subnet/reconcile.ts'

/** Sixteen million Ports could each end it: none of them wakes all that wait. */
export const NO_MAC_LOOK_MS = 60_000

export interface ResolvedAddress {
  subnet: Subnet
  address: string
  prefixLength: number
  dnsNameservers: readonly string[]
}

type AddressDeps = Pick<OperatorDeps, 'caches' | 'addresses'>

/** The MAC for a port of this network: asked for, kept from before, or made. */
export function resolveMac(port: Port, network: Network, deps: Pick<OperatorDeps, 'caches'>): Found<string> {
  const networkKey = keyOfObject(network)
  const others = (mac: string) =>
    deps.caches.ports.listBy('mac', macKey(networkKey, mac)).filter((p) => p.metadata.uid !== port.metadata.uid)
  const isReserved = (mac: string) => isReservedMac(mac, network.metadata.uid)
  const kept = port.spec.macAddress ?? port.status?.macAddress
  if (kept !== undefined && isReserved(kept)) throw macReserved('spec.macAddress', kept, networkKey)
  if (kept === undefined) {
    const prefix = deps.caches.clouds.find(undefined, CLOUD_NAME)?.spec.macPrefix ?? DEFAULT_MAC_PREFIX
    const mac = chooseMac(prefix, port.metadata.uid, (mac) => others(mac).length > 0 || isReserved(mac))
    return mac === undefined
      ? missing('NoFreeMAC', `no MAC address with prefix ${prefix} is free on Network ${networkKey}`, NO_MAC_LOOK_MS)
      : found(mac)
  }
  const older = others(kept).find((other) => isOlder(other, port))
  if (older)
    return missing(
      'MACInUse',
      `spec.macAddress ${kept} is taken on Network ${networkKey} by Port ${keyOfObject(older)}`,
    )
  return found(kept)
}

export function macReserved(field: string, mac: string, networkKey: string): TerminalError {
  return new TerminalError(
    'MACReserved',
    `${field} ${mac} is the metadata service's on Network ${networkKey}: write another or leave it out`,
  )
}

/** Timestamps have whole seconds: one that has the MAC already is not taken down for a newcomer. */
function isOlder(a: Port, b: Port): boolean {
  const [hasA, hasB] = [a, b].map((port) => port.status?.macAddress !== undefined)
  if (hasA !== hasB) return hasA === true
  const [x, y] = [a.metadata, b.metadata].map((m) => `${m.creationTimestamp ?? ''} ${m.uid}`) as [string, string]
  return x < y
}

/**
 * Claims what the port asks for: each entry of spec.fixedIPs, or one address of the network's first subnet with room. An automatic
 * port's addresses stand in its spec and are claimed already. What it was given once is asked for again: it is the port's for life, also
 * when its claim was taken away or is not in the cache.
 * @throws TerminalError for an address that the subnet can never give
 */
export async function resolveAddresses(
  port: Port,
  network: Network,
  deps: AddressDeps,
): Promise<Found<ResolvedAddress[]>> {
  const { namespace = '', name, uid } = port.metadata
  const holder: ClaimHolder = { namespace, name, uid }
  const subnets = listSubnets(network, deps)
  const wanted = port.spec.fixedIPs ?? []
  if (wanted.length === 0) {
    const given = port.status?.fixedIPs?.[0]
    const subnet = subnets.find((s) => s.metadata.name === given?.subnet)
    const address = await (given && subnet
      ? claimFrom(subnet, holder, { requested: given.ipAddress, field: 'status.fixedIPs[0]', given }, deps)
      : claimFromFirst(subnets, holder, keyOfObject(network), deps))
    return address.ok ? found([address.object]) : address
  }
  const addresses: ResolvedAddress[] = []
  for (const [i, { subnetRef, ipAddress }] of wanted.entries()) {
    const field = `spec.fixedIPs[${i}]`
    const subnet = subnets.find((s) => s.metadata.name === subnetRef.name)
    if (!subnet)
      return missing(
        'SubnetNotFound',
        `Subnet ${subnetRef.name} in ${field}.subnetRef is no Subnet of Network ${keyOfObject(network)}: create it`,
      )
    const had = port.status?.fixedIPs?.[i]
    const given = had?.subnet === subnetRef.name ? had : undefined
    const requested = ipAddress ?? given?.ipAddress
    const address = await claimFrom(subnet, holder, { requested, field: `${field}.ipAddress`, given }, deps)
    if (!address.ok) return address
    if (addresses.some((a) => a.address === address.object.address)) {
      return missing(
        'AddressInUse',
        `${field} asks for a second address of Subnet ${subnetRef.name}: write it in ipAddress`,
      )
    }
    addresses.push(address.object)
  }
  return found(addresses)
}

/** The oldest first, so that the choice is stable. */
export function listSubnets(network: Network, deps: Pick<OperatorDeps, 'caches'>): Subnet[] {
  const age = ({ metadata }: Subnet) => `${metadata.creationTimestamp ?? ''} ${metadata.uid}`
  return deps.caches.subnets.listBy('network', keyOfObject(network)).sort((a, b) => (age(a) < age(b) ? -1 : 1))
}

/** One address of the first subnet that has room. */
export async function claimFromFirst(
  subnets: readonly Subnet[],
  holder: ClaimHolder,
  networkKey: string,
  deps: AddressDeps,
): Promise<Found<ResolvedAddress>> {
  let last: Found<ResolvedAddress> = missing(
    'NoSubnet',
    `Network ${networkKey} has no Subnet: create one, and this goes on by itself`,
  )
  for (const subnet of subnets) {
    last = await claimFrom(subnet, holder, { requested: undefined, field: 'spec.networks' }, deps)
    if (last.ok) return last
  }
  return last
}

interface AddressRequest {
  requested: string | undefined
  field: string
  /** What the port has of this subnet already. */
  given?: { ipAddress: string; prefixLength: number } | undefined
}

export async function claimFrom(
  subnet: Subnet,
  holder: ClaimHolder,
  request: AddressRequest,
  deps: AddressDeps,
): Promise<Found<ResolvedAddress>> {
  const { name, uid, namespace = '' } = subnet.metadata
  const dnsNameservers = nameserversOf(subnet, deps.caches.clouds)
  const { given } = request
  if (
    given !== undefined &&
    subnet.metadata.deletionTimestamp !== undefined &&
    !deps.addresses.has(uid, holder, given.ipAddress)
  ) {
    // It gives no addresses to anyone else any more, and where its namespace goes nothing can be claimed.
    return found({ subnet, address: given.ipAddress, prefixLength: given.prefixLength, dnsNameservers })
  }
  const siblings = deps.caches.subnets.listBy('network', `${namespace}/${subnet.spec.networkRef.name}`)
  const isKept = deps.addresses.has(uid, holder, request.requested)
  const plan = findUsablePlan(subnet, siblings, isKept)
  if (!plan) return missing('SubnetNotReady', `Subnet ${name} cannot be used: see its conditions`)
  const target: ClaimSubnet = { namespace, name, uid, plan }
  const result = await deps.addresses.claim(target, holder, checked(plan, subnet, request))
  if (!result.ok) return missing(result.reason, `${result.message} (${request.field})`)
  return found({ subnet, address: result.address, prefixLength: plan.cidr.prefixLength, dnsNameservers })
}

function checked(
  plan: SubnetPlan,
  subnet: Subnet,
  { requested, field }: { requested: string | undefined; field: string },
): string | undefined {
  return requested === undefined ? undefined : checkRequested(plan, requested, field, subnet.spec.cidr)
}
