// SPDX-License-Identifier: Apache-2.0
import { PLUGGED_ON_ANNOTATION } from '../../../lib/api/kinds.ts'
import type { Network, Port, Subnet } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { resolve } from '../../kind/resolve.ts'
import { securityGroup } from './kind.ts'
import { hasDhcp } from '../subnet/dhcp.ts'
import { listSubnets } from './claim-address.ts'
import { hostnameOf, planBinding, type Binding } from './binding.ts'
import { nameInEffect } from './dns-name.ts'
import { extraDhcpOf } from './extra-dhcp.ts'
import { isOffSwitch } from './off-switch.ts'
import { isOutside } from './outside.ts'
import { securityGroupRefsOf } from './groups.ts'
import { keepPortPolicy } from './qos-policy.ts'
import { resolveSecurity, type PortSecurity } from './security.ts'
import { isShared } from './shared-addresses.ts'
import { virtualOf } from './virtual.ts'

export interface Identity {
  network: Network
  mac: string
  /** An entry without a subnet: the Subnet is gone, but the address is still the port's. */
  addresses: readonly { subnet?: Subnet; address: string }[]
  /** UIDs. */
  groups: readonly string[]
  security: PortSecurity
}

/** Where a port may be plugged. */
export interface Place {
  node?: string
  hostname?: string
  /** Of a subport. */
  parent?: { portUid: string; vlan: number }
  /** Of one that is past the switch: the nodes that serve it. */
  servedBy?: readonly string[]
}

type LogicalPortDeps = Pick<OperatorDeps, 'caches' | 'bus' | 'network'>

/** Writes the port's row, unless it is already as wanted. */
export async function ensureLogicalPort(
  port: Port,
  identity: Identity,
  place: Place,
  deps: LogicalPortDeps,
  signal: AbortSignal,
): Promise<void> {
  const { network, mac, addresses, groups, security } = identity
  const dnsName = nameInEffect(port, network, deps)
  const at = { ...place, ...(place.node === undefined && !place.servedBy ? placeByHand(port, deps) : {}) }
  const isPlaced = at.node !== undefined || at.servedBy !== undefined
  const virtual = isPlaced ? undefined : virtualOf(port, network, addresses, deps.caches)
  await deps.network.ensure(
    {
      kind: 'Port',
      ...ownerOf(port),
      networkUid: network.metadata.uid,
      ...(network.status?.controller === undefined ? {} : { controller: network.status.controller }),
      mac,
      fixedIPs: addresses.map(({ subnet, address }) => ({
        subnetUid: subnet?.metadata.uid ?? '',
        address,
        hasDhcp: subnet !== undefined && hasDhcp(subnet),
      })),
      ...at,
      ...(virtual ? { virtual } : {}),
      portSecurityEnabled: security.enabled,
      securityGroupUids: groups,
      allowedAddressPairs: security.pairs,
      isShared: isShared(port, network, addresses, deps.caches),
      ...extraDhcpOf(port, network, addresses, deps),
      ...(dnsName === undefined ? {} : { dnsName }),
    },
    signal,
  )
}

/**
 * Keeps the row of a port that cannot be reconciled or is being deleted: it is rewritten from what the port was given, without what it may
 * not have. Does nothing for a port that was given nothing yet.
 */
export async function keepLogicalPort(port: Port, deps: LogicalPortDeps, signal: AbortSignal): Promise<void> {
  const { networkUID, macAddress, fixedIPs, router } = port.status ?? {}
  // Its Router has a port of its own instead.
  if (router) return
  const network = networkUID === undefined ? undefined : deps.caches.networks.findByUid(networkUID)
  if (!network || macAddress === undefined || !fixedIPs) return
  const subnets = listSubnets(network, deps)
  const addresses = fixedIPs.map(({ subnet: name, ipAddress }) => {
    const subnet = subnets.find(({ metadata }) => metadata.name === name)
    return { address: ipAddress, ...(subnet ? { subnet } : {}) }
  })
  await keepPortPolicy(port, network, deps, signal)
  const security = resolveSecurity(port, network, deps)
  const groups = security.enabled ? listKnownGroups(port, deps) : []
  await ensureLogicalPort(
    port,
    { network, mac: macAddress, addresses, groups, security },
    standingPlace(port, deps),
    deps,
    signal,
  )
}

export function placeOf(binding: Binding | undefined): Place {
  if (!binding) return {}
  const { node, hostname, parent } = binding
  return { node, hostname, ...(parent ? { parent } : {}) }
}

/** Of a virtual function: gateway nodes serve it, wherever its machine is. */
export function placeOffSwitch(servedBy: readonly string[], binding: Binding | undefined): Place {
  return { servedBy, ...(binding ? { hostname: binding.hostname } : {}) }
}

/** Where the port is now, not where it may move to. */
function standingPlace(port: Port, deps: LogicalPortDeps): Place {
  const servedBy = port.status?.gateways ?? []
  if (isOutside(port)) return { servedBy }
  const plan = planBinding(port, deps)
  if (isOffSwitch(port)) return placeOffSwitch(servedBy, plan.kind === 'stands' ? plan.binding : undefined)
  if (plan.kind === 'stands' && plan.binding) return placeOf(plan.binding)
  const { node, instance } = port.status ?? {}
  const held = instance && deps.caches.instances.findByUid(instance.uid)
  return { ...(node === undefined ? {} : { node }), ...(held ? { hostname: hostnameOf(held) } : {}) }
}

/** The groups that the port is a member of; for a port from a version that kept no record, those that it names and that exist. */
function listKnownGroups(port: Port, deps: LogicalPortDeps): string[] {
  const had = port.status?.securityGroupUIDs
  if (had) return had.filter((uid) => deps.caches.securityGroups.findByUid(uid) !== undefined)
  return securityGroupRefsOf(port).flatMap((named) => {
    const group = resolve({ ...securityGroup, isKept: () => true }, port, named, deps.caches)
    return group.ok ? [group.object.metadata.uid] : []
  })
}

/**
 * For a port without a machine: the node where its owner plugs it by hand, if any. Tenants write this annotation, and OVN would accept
 * lists and values of any length, so anything but the name of a ComputeNode is ignored.
 */
export function placeByHand(port: Port, { caches }: LogicalPortDeps): Place {
  const node = port.metadata.annotations?.[PLUGGED_ON_ANNOTATION]
  return node === undefined || caches.computeNodes.find(undefined, node) === undefined ? {} : { node }
}
