// SPDX-License-Identifier: Apache-2.0
// Which address and which MAC somebody has on a Network is its owner's namespace's to choose, as by Neutron's default policy
// (create_port:fixed_ips:ip_address, create_port:mac_address): gateways, name servers and virtual addresses are known by them alone.
// Others are given theirs; which Subnet they choose freely.
import type { Network, Port } from '../../../lib/api/types.ts'
import { TerminalError, TransientError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { isMacOf } from '../../ipam/mac.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerInstanceOf, ownerUidOf } from '../../placed/port-owner.ts'
import { wasPlaced } from '../../placed/placement.ts'
import { listNics, macSeedOf } from '../instance/nics.ts'

type ChoiceDeps = {
  caches: Pick<OperatorDeps['caches'], 'instances' | 'subnets'>
  addresses: OperatorDeps['addresses']
}

export function isForeignTo(network: Network, { metadata }: { metadata: { namespace?: string } }): boolean {
  return metadata.namespace !== network.metadata.namespace
}

/**
 * @param isOurs who asks was made by the operator, whose own records may be seen a moment later
 * @throws TerminalError `NotNetworkOwner`
 */
export function refuseChoice(field: string, network: Network, isOurs = false): never {
  const message = `${field} can be chosen only in the namespace of Network ${keyOfObject(network)}: leave it out, and one is given (a Subnet may be named)`
  throw isOurs ? new TransientError('NotNetworkOwner', message) : new TerminalError('NotNetworkOwner', message)
}

/**
 * What a port has already it keeps, and what the operator chose for a machine's port is the operator's choice. Before any is claimed.
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

/** Whether the MAC is the port's to have by what it asks for, has, or was made with. Whoever may not have it keeps it from nobody. */
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
  return isMacOf(mac, macSeedOf(owner, nic)) || (wasPlaced(owner) && nic.want.macAddress === mac)
}

/** A claim is the operator's record of what it gave, before the port's status has it. */
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
