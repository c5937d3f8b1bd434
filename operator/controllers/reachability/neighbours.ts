// SPDX-License-Identifier: Apache-2.0
// Who answers for an address on a Network, and to whom a machine there sends. Pure.
import type { FloatingIP, Network, Port, Router, Subnet } from '../../../lib/api/types.ts'
import {
  announcerMac,
  METADATA_ADDRESS,
  METADATA_ADDRESS_V6,
  metadataMac,
} from '../../../lib/contract/metadata-port.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { findCidr, isIn } from '../../ipam/address.ts'
import type { Caches } from '../../kind/row.ts'
import { floatingMac, gatewayMac } from '../../network/own-macs.ts'
import { addressKey } from '../port/address-keys.ts'
import { cidrOf, familyOfSubnet } from '../subnet/range.ts'
import { named, say, type Finding } from './finding.ts'

/** Of whoever is out there: nobody of ours has it, so that it goes to the physical network. Locally administered. */
export const STRANGER_MAC = '02:00:00:00:00:01'

export type NextHop = { mac: string; finding?: undefined } | { mac?: undefined; finding: Finding }

/** The MAC address to which a machine on the Subnet sends what is for an address. */
export function nextHop(
  { network, subnet }: { network: Network; subnet: Subnet },
  destination: string,
  caches: Caches,
): NextHop {
  if (destination === METADATA_ADDRESS || destination === METADATA_ADDRESS_V6)
    return { mac: metadataMac(network.metadata.uid) }
  const cidr = cidrOf(subnet)
  if (cidr !== undefined && isIn(destination, cidr)) return neighbour(network, subnet, destination, caches)
  const gateway = hostRouteOf(subnet, destination) ?? subnet.status?.gatewayIP
  if (gateway !== undefined && subnet.spec.disableGateway !== true) return router(network, subnet, gateway, caches)
  const message = `${say(named('Subnet', subnet))} hands out no gateway, so that its machines reach nobody beyond it: join it to a Router by a Port (spec.interfaces[].portRef) and write spec.dhcp.hostRoutes, or make a Subnet without disableGateway`
  return { finding: { reason: 'SubnetWithoutGateway', message, of: named('Subnet', subnet) } }
}

function router(network: Network, subnet: Subnet, gateway: string, caches: Caches): NextHop {
  const mac = findMac(network, gateway, caches)
  if (mac !== undefined) return { mac }
  const message = `no Router has the gateway address ${gateway} of ${say(named('Subnet', subnet))}: name the Subnet in spec.interfaces of one`
  return { finding: { reason: 'NoRouter', message, of: named('Subnet', subnet) } }
}

function neighbour(network: Network, subnet: Subnet, address: string, caches: Caches): NextHop {
  const mac = findMac(network, address, caches)
  if (mac !== undefined) return { mac }
  const message = `nobody on ${say(named('Subnet', subnet))} has the address ${address}`
  return { finding: { reason: 'AddressNotInUse', message, of: named('Subnet', subnet) } }
}

/** The MAC address of who has an address on the Network; of an unknown one on a physical network a stranger's. */
export function findMac(network: Network, address: string, caches: Caches): string | undefined {
  const key = keyOfObject(network)
  const [port] = portsAt(key, address, caches)
  if (port?.status?.macAddress !== undefined) return port.status.macAddress
  return (
    macOfRouters(network, key, address, caches) ??
    macOfBalancer(key, address, caches) ??
    (network.spec.provider ? STRANGER_MAC : undefined)
  )
}

/** Whether an address of an external Network is the project's: that of a FloatingIP, of a Router's gateway or of a Port. */
export function isOwnAddress(namespace: string, network: Network, address: string, caches: Caches): boolean {
  const key = keyOfObject(network)
  const all = [
    findFloatingIP(network, address, caches),
    findGateway(key, address, caches),
    ...portsAt(key, address, caches),
  ]
  return all.some((one) => one?.metadata.namespace === namespace)
}

/** Those that have the address. One that merely asks for it has no right to anything by that. */
function portsAt(networkKey: string, address: string, { ports }: Caches): Port[] {
  return ports
    .listBy('address', addressKey(networkKey, address))
    .filter(({ status }) => status?.fixedIPs?.some(({ ipAddress }) => ipAddress === address))
}

function macOfRouters(network: Network, key: string, address: string, caches: Caches): string | undefined {
  const at = caches.subnets.listBy('network', key).find(({ status }) => status?.gatewayIP === address)
  if (at && isAnswered(network, at, caches)) return announcerMac(at.metadata.uid)
  const floating = findFloatingIP(network, address, caches)
  if (floating) return macOfFloating(floating)
  const gateway = findGateway(key, address, caches)
  return gateway && gatewayMac(gateway.metadata.uid)
}

function findGateway(networkKey: string, address: string, { routers }: Caches): Router | undefined {
  return routers
    .listBy('gateway', networkKey)
    .find(({ status }) => status?.externalGateway?.fixedIPs?.some(({ ipAddress }) => ipAddress === address))
}

/** A Router has the Subnet's gateway address, or the network announces it by itself. */
function isAnswered(network: Network, subnet: Subnet, { routers }: Caches): boolean {
  const isJoined = routers.listBy('legUID', subnet.metadata.uid).length > 0
  return isJoined || (familyOfSubnet(subnet) === 'IPv6' && network.spec.external !== true)
}

function findFloatingIP(network: Network, address: string, { floatingIPs }: Caches): FloatingIP | undefined {
  return floatingIPs.listBy('network', keyOfObject(network)).find(({ status }) => status?.ipAddress === address)
}

function macOfFloating({ metadata, status }: FloatingIP): string | undefined {
  if (status?.distributed === true) return floatingMac(metadata.uid)
  return status?.routerUID === undefined ? undefined : gatewayMac(status.routerUID)
}

function macOfBalancer(networkKey: string, address: string, { loadBalancers, subnets }: Caches): string | undefined {
  const [subnet] = subnets
    .listBy('network', networkKey)
    .filter((one) =>
      loadBalancers.listBy('subnet', keyOfObject(one)).some(({ status }) => status?.vipAddress === address),
    )
  return subnet && announcerMac(subnet.metadata.uid)
}

/** The most particular of the routes that the guests are told. */
function hostRouteOf({ spec }: Subnet, destination: string): string | undefined {
  const [best] = (spec.dhcp?.hostRoutes ?? [])
    .filter((route) => isIn(destination, route.destination))
    .sort((a, b) => lengthOf(b.destination) - lengthOf(a.destination))
  return best?.nextHop
}

function lengthOf(cidr: string): number {
  return findCidr(cidr)?.prefixLength ?? 0
}
