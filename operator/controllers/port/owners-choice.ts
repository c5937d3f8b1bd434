// SPDX-License-Identifier: Apache-2.0
// Only ports in a Network's own namespace may choose their address and MAC there, as in Neutron's default policy
// (create_port:fixed_ips:ip_address, create_port:mac_address): gateways, name servers and virtual IPs are known by nothing else.
// Ports of other namespaces are given theirs, but may choose the Subnet.
import type { Network, Port, Subnet } from '../../../lib/api/types.ts'
import { TerminalError, TransientError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { contains, findAddress } from '../../ipam/address.ts'
import { isMacOf } from '../../ipam/mac.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerInstanceOf, ownerUidOf } from '../../placed/port-owner.ts'
import { isBeforeRecords, listNics, macSeedOf } from '../instance/nics.ts'
import { planOf } from '../subnet/range.ts'

type ChoiceDeps = {
  caches: Pick<OperatorDeps['caches'], 'instances' | 'subnets'>
  addresses: OperatorDeps['addresses']
}

export function isForeignTo(network: Network, { metadata }: { metadata: { namespace?: string } }): boolean {
  return metadata.namespace !== network.metadata.namespace
}

/**
 * @param isOurs the operator made the port, and may see its own record of the choice only a moment later
 * @throws TerminalError `NotNetworkOwner`
 */
export function refuseChoice(field: string, network: Network, isOurs = false): never {
  const message = `${field} can be chosen only in the namespace of Network ${keyOfObject(network)}: leave it out, and one is given (a Subnet may be named)`
  throw isOurs ? new TransientError('NotNetworkOwner', message) : new TerminalError('NotNetworkOwner', message)
}

/**
 * What asks for an address of somebody else's external Network gets one of those that the Network gives out: others may be anybody's there.
 * @throws TerminalError `NotNetworkOwner`
 */
export function assertMayAskFor(
  asker: { metadata: { namespace?: string } },
  { network, subnet, address, field }: { network: Network; subnet: Subnet; address: string; field: string },
): void {
  if (!isForeignTo(network, asker)) return
  const { cidr, pools } = planOf(subnet)
  const value = findAddress(address)?.value
  // One that is not of the Subnet at all is refused as such when it is claimed.
  if (value === undefined || !contains(cidr, value)) return
  if (pools.some(({ first, last }) => first <= value && value <= last)) return
  const message = `${field} ${address} is in no allocation pool of Subnet ${keyOfObject(subnet)}, and can be asked for only in that namespace: write one of a pool, or leave it out`
  throw new TerminalError('NotNetworkOwner', message)
}

/**
 * A port keeps what it already has, and what the operator chose for a machine's port is allowed. Call it before any address is claimed.
 * @throws TerminalError `NotNetworkOwner` naming the field
 */
export function assertMayChooseAddresses(port: Port, network: Network, deps: ChoiceDeps): void {
  if (!isForeignTo(network, port)) return
  for (const [i, { subnetRef, ipAddress }] of (port.spec.fixedIPs ?? []).entries()) {
    if (ipAddress === undefined || hasAddress(port, { subnet: subnetRef.name, ipAddress }, network, deps)) continue
    refuseChoice(`spec.fixedIPs[${i}].ipAddress`, network, ownerUidOf(port) !== undefined)
  }
}

/** @throws TerminalError `NotNetworkOwner` */
export function assertMayChooseMac(port: Port, network: Network, deps: Pick<ChoiceDeps, 'caches'>): void {
  const { macAddress } = port.spec
  if (macAddress === undefined || mayHaveMac(port, macAddress, network, deps)) return
  refuseChoice('spec.macAddress', network, ownerUidOf(port) !== undefined)
}

/** Whether the port may have the MAC: it may choose, has it already, or was made with it. If not, others may still have it. */
export function mayHaveMac(
  port: Port,
  mac: string,
  network: Network,
  { caches }: { caches: Pick<OperatorDeps['caches'], 'instances'> },
): boolean {
  if (!isForeignTo(network, port) || port.status?.macAddress === mac) return true
  const owner = ownerInstanceOf(port, { caches })
  const nic = owner && listNics(owner).find(({ portName }) => portName === port.metadata.name)
  if (!nic) return false
  return isMacOf(mac, macSeedOf(owner, nic)) || (isBeforeRecords(owner) && nic.want.macAddress === mac)
}

/** Also true for a claim: it is the operator's record of what it gave, written before the port's status. */
function hasAddress(
  { metadata, status }: Port,
  { subnet, ipAddress }: { subnet: string; ipAddress: string },
  network: Network,
  { caches, addresses }: ChoiceDeps,
): boolean {
  if (status?.fixedIPs?.some((had) => had.ipAddress === ipAddress)) return true
  const { namespace = '', name, uid } = metadata
  const subnetUid = caches.subnets.find(network.metadata.namespace, subnet)?.metadata.uid
  return subnetUid !== undefined && addresses.has(subnetUid, { namespace, name, uid }, ipAddress)
}
