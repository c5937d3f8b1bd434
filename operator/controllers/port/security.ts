// SPDX-License-Identifier: Apache-2.0
import type { Network, Port } from '../../../lib/api/types.ts'
import { METADATA_ADDRESS } from '../../../lib/contract/metadata-port.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { contains, findAddress, findCidr, toText, type Cidr } from '../../ipam/address.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { namesOfUsers } from '../../kind/holders.ts'
import { isForeignTo } from './owners-choice.ts'
import { reservedUseOf, type SubnetsOf } from './reserved-mac.ts'
import { hasPair, type AddressPair } from './wishes.ts'

/** What keeps a port from sending in the name of others. */
export interface PortSecurity {
  enabled: boolean
  /** Further addresses that it may send from. */
  pairs: readonly AddressPair[]
  /** Why something that was asked for is not given, for messages. */
  refused: string | undefined
}

type PortsOf = { caches: Pick<OperatorDeps['caches'], 'ports'> }
type SecurityDeps = PortsOf & SubnetsOf

/**
 * On a network shared by projects, nobody may send from the addresses of others, or of the metadata service: they tell each other apart by
 * these.
 *
 * | no port security is asked for by        | on a network with port security         | on one without |
 * |-----------------------------------------|-----------------------------------------|----------------|
 * | a port that has none already            | kept                                    | given          |
 * | a port of the network's own namespace   | given while no other namespace is there | given          |
 * | a port of another namespace             | refused                                 | given          |
 *
 * A port follows the network's setting when it is made. Later changes of it concern only ports of the network's own namespace: others do
 * not belong to the network's owner. Pure.
 */
export function resolveSecurity(port: Port, network: Network, deps: SecurityDeps): PortSecurity {
  const isOpen = !isNetworkSecured(network)
  const isForeign = isForeignTo(network, port)
  const had = port.status?.portSecurityEnabled
  const wanted = port.spec.portSecurityEnabled ?? (isForeign ? had : undefined) ?? !isOpen
  const isGranted = wanted || isOpen || had === false || isOfOldVersion(port)
  const refused = isGranted ? undefined : whyNotOpen(network, isForeign, deps)
  const { given, refused: refusedPair } = resolvePairs(port, network, isOpen, deps)
  return { enabled: wanted || refused !== undefined, pairs: given, refused: refused ?? refusedPair }
}

/** It was let in by a version that kept no record of what it gave. */
function isOfOldVersion({ status }: Port): boolean {
  return status?.networkUID !== undefined && status.portSecurityEnabled === undefined
}

/** The setting in force: when the owner turns port security off, that is for new ports only (network/reconcile.ts). */
export function isNetworkSecured({ spec, status }: Network): boolean {
  return status?.portSecurityEnabled ?? spec.portSecurityEnabled ?? true
}

/** Ports of other namespaces that are on the network. */
export function listForeignPorts(network: Network, { caches }: PortsOf): Port[] {
  const ports = caches.ports.listBy('network', keyOfObject(network))
  return ports.filter((port) => isForeignTo(network, port) && port.status?.networkUID === network.metadata.uid)
}

function whyNotOpen(network: Network, isForeign: boolean, deps: SecurityDeps): string | undefined {
  if (isForeign) return onlyItsOwner('portSecurityEnabled', network)
  const others = listForeignPorts(network, deps)
  if (others.length === 0) return undefined
  return `spec.portSecurityEnabled: false would let it send under the addresses of ${namesOfUsers('Port', others)}, of other namespaces: leave it out`
}

function onlyItsOwner(field: string, network: Network): string {
  return `spec.${field} can be set only in the namespace of Network ${keyOfObject(network)}: leave it out, or have the port made there`
}

function resolvePairs(
  port: Port,
  network: Network,
  isOpen: boolean,
  deps: SecurityDeps,
): { given: AddressPair[]; refused: string | undefined } {
  const had =
    port.status?.allowedAddressPairs ?? (isOfOldVersion(port) ? port.spec.allowedAddressPairs : undefined) ?? []
  const given: AddressPair[] = []
  let refused: string | undefined
  for (const [i, pair] of (port.spec.allowedAddressPairs ?? []).entries()) {
    const why = hasPair(had, pair)
      ? undefined
      : whyNotPair(pair, `allowedAddressPairs[${i}]`, { port, network, isOpen, deps })
    if (why === undefined) given.push(pair)
    else refused ??= why
  }
  return { given, refused }
}

interface PairContext {
  port: Port
  network: Network
  isOpen: boolean
  deps: SecurityDeps
}

function whyNotPair(
  pair: AddressPair,
  field: string,
  { port, network, isOpen, deps }: PairContext,
): string | undefined {
  if (isForeignTo(network, port) && !isOpen) return onlyItsOwner('allowedAddressPairs', network)
  const { ipAddress, macAddress } = pair
  const range = findRange(ipAddress)
  if (range === undefined || covers(range, METADATA_ADDRESS))
    return `spec.${field} has ${METADATA_ADDRESS}, from which guests get their metadata: write a range without it`
  const use = macAddress === undefined ? undefined : reservedUseOf(macAddress, network, deps)
  if (use !== undefined) return `spec.${field}.macAddress ${macAddress} is ${use}: write another`
  const { namespace } = port.metadata
  const others = deps.caches.ports
    .listBy('network', keyOfObject(network))
    .filter((other) => other.metadata.namespace !== namespace && isHeldBy(other, range, macAddress))
  return others.length === 0
    ? undefined
    : `spec.${field} has addresses of ${namesOfUsers('Port', others)}, of another namespace: write only what is yours`
}

/** Whether what a port was given lets it send from another port's address or MAC. */
export function speaksFor({ status }: Port, other: Port): boolean {
  if (status?.portSecurityEnabled === false) return true
  return (status?.allowedAddressPairs ?? []).some(({ ipAddress, macAddress }) => {
    const range = findRange(ipAddress)
    return range !== undefined && isHeldBy(other, range, macAddress)
  })
}

function isHeldBy({ status }: Port, range: Cidr, mac: string | undefined): boolean {
  if (mac !== undefined && status?.macAddress === mac) return true
  return (status?.fixedIPs ?? []).some(({ ipAddress }) => covers(range, ipAddress))
}

function covers(range: Cidr, text: string): boolean {
  const address = findAddress(text)
  return address?.version === range.version && contains(range, address.value)
}

/** A single address is a range of one; host bits after the prefix are ignored. */
function findRange(text: string): Cidr | undefined {
  const [addressText = '', length] = text.split('/')
  const address = findAddress(addressText)
  if (!address) return undefined
  const bits = address.version === 4 ? 32 : 128
  const prefixLength = length === undefined ? bits : Number(length)
  const first = address.value & ~((1n << BigInt(bits - prefixLength)) - 1n)
  return findCidr(`${toText(address.version, first)}/${prefixLength}`)
}
