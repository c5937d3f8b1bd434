// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { Network, Port, Subnet } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { ClaimHolder } from '../../ipam/claim-block.ts'
import { chooseMac, DEFAULT_MAC_PREFIX } from '../../ipam/mac.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { macKey } from './address-keys.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { claimFrom, listSubnets, type ResolvedAddress } from './claim-address.ts'
import { chooseAddresses } from './choose-addresses.ts'
import { isForeignTo, mayHaveMac } from './owners-choice.ts'
import { reservedUseOf, type SubnetsOf } from './reserved-mac.ts'

/** Any of sixteen million Ports could free a MAC, so we poll for one instead of being woken. */
export const NO_MAC_LOOK_MS = 60_000

type AddressDeps = Pick<OperatorDeps, 'caches' | 'addresses' | 'subnetArrivals'>

/** The MAC for a port of this network: requested, kept from before, or generated. */
export function resolveMac(port: Port, network: Network, deps: Pick<OperatorDeps, 'caches'>): Found<string> {
  const networkKey = keyOfObject(network)
  const others = (mac: string) =>
    deps.caches.ports
      .listBy('mac', macKey(networkKey, mac))
      .filter((p) => p.metadata.uid !== port.metadata.uid && mayHaveMac(p, mac, network, deps))
  const given = port.status?.macAddress
  const kept = isForeignTo(network, port) ? (given ?? port.spec.macAddress) : (port.spec.macAddress ?? given)
  if (kept !== undefined) assertNotReserved('spec.macAddress', kept, network, deps)
  if (kept === undefined) {
    const prefix = deps.caches.clouds.find(undefined, CLOUD_NAME)?.spec.macPrefix ?? DEFAULT_MAC_PREFIX
    const mac = chooseMac(
      prefix,
      port.metadata.uid,
      (mac) => others(mac).length > 0 || reservedUseOf(mac, network, deps) !== undefined,
    )
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

/** @throws TerminalError `MACReserved` */
export function assertNotReserved(field: string, mac: string, network: Network, deps: SubnetsOf): void {
  const use = reservedUseOf(mac, network, deps)
  if (use === undefined) return
  throw new TerminalError(
    'MACReserved',
    `${field} ${mac} is ${use} on Network ${keyOfObject(network)}: write another or leave it out`,
  )
}

/** Timestamps have whole seconds only, so a port that already has a MAC counts as older: it must not lose it to a newcomer. */
function isOlder(a: Port, b: Port): boolean {
  const [hasA, hasB] = [a, b].map((port) => port.status?.macAddress !== undefined)
  if (hasA !== hasB) return hasA === true
  const [x, y] = [a.metadata, b.metadata].map((m) => `${m.creationTimestamp ?? ''} ${m.uid}`) as [string, string]
  return x < y
}

/**
 * Claims what the port asks for: each entry of spec.fixedIPs, or one address of each family of the network. An automatic port's addresses
 * are in its spec and already claimed. Addresses that it was given before are requested again: they are the port's for life, even if the
 * claim was taken away or is not in the cache.
 * @throws TerminalError for an address that the subnet can never give
 */
export async function resolveAddresses(
  port: Port,
  { network, mac }: { network: Network; mac: string },
  deps: AddressDeps,
): Promise<Found<ResolvedAddress[]>> {
  const { namespace = '', name, uid } = port.metadata
  const holder: ClaimHolder = { namespace, name, uid }
  const subnets = listSubnets(network, deps)
  const wanted = port.spec.fixedIPs ?? []
  if (wanted.length === 0) {
    const kept = await claimGiven(port, subnets, { holder, mac }, deps)
    return kept ?? chooseAddresses(network, { holder, mac, field: 'spec.fixedIPs' }, deps)
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
    const address = await claimFrom(subnet, holder, { requested, mac, field: `${field}.ipAddress`, given }, deps)
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

/** Claims again the addresses that a port without spec.fixedIPs was given, from those of its subnets that still exist. */
async function claimGiven(
  port: Port,
  subnets: readonly Subnet[],
  { holder, mac }: { holder: ClaimHolder; mac: string },
  deps: AddressDeps,
): Promise<Found<ResolvedAddress[]> | undefined> {
  const addresses: ResolvedAddress[] = []
  for (const [i, given] of (port.status?.fixedIPs ?? []).entries()) {
    const subnet = subnets.find((s) => s.metadata.name === given.subnet)
    if (!subnet) continue
    const request = { requested: given.ipAddress, mac, field: `status.fixedIPs[${i}]`, given }
    const address = await claimFrom(subnet, holder, request, deps)
    if (!address.ok) return address
    addresses.push(address.object)
  }
  return addresses.length === 0 ? undefined : found(addresses)
}
