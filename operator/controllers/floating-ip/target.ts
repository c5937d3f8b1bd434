// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP, Network, Port, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { keyOf } from '../../kind/references.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { floatingMac } from '../../network/own-macs.ts'
import type { LogicalFloatingIP } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isConnected } from '../provider-network/connected.ts'
import { port as portOfFloatingIP } from './kind.ts'

export interface Target {
  port: Port
  fixedAddress: string
  router: Router
  distributed: LogicalFloatingIP['distributed']
}

type TargetDeps = Pick<OperatorDeps, 'caches'>

/** Where it leads, and through which router. Pure. */
export function resolveTarget(floatingIP: FloatingIP, network: Network, deps: TargetDeps): Found<Target> {
  const port = resolveOnly(portOfFloatingIP, floatingIP, deps.caches)
  if (!port.ok) return port
  const fixed = findFixed(floatingIP, port.object)
  if (!fixed.ok) return fixed
  const { ipAddress: fixedAddress, subnet } = fixed.object
  const rival = findRival(floatingIP, fixedAddress, port.object, deps)
  if (rival) {
    const message = `${fixedAddress} of Port ${keyOfObject(port.object)} has FloatingIP ${rival.metadata.name} of the same Network already: delete one of the two, or name another address in spec.fixedIPAddress`
    return missing('FixedIPInUse', message)
  }
  const router = findRouter(port.object, subnet, network, deps)
  if (!router) {
    const message = `no Router leads from Subnet ${subnet} of Port ${keyOfObject(port.object)} to Network ${keyOfObject(network)}: name both in one Router, the Subnet in spec.interfaces and the Network in spec.externalGateway`
    return missing('NotRouted', message)
  }
  const distributed = findDistributed(floatingIP, port.object, network, deps)
  return found({ port: port.object, fixedAddress, router, distributed })
}

function findFixed({ spec }: FloatingIP, port: Port): Found<{ subnet: string; ipAddress: string }> {
  const key = keyOfObject(port)
  const fixedIPs = port.status?.fixedIPs
  if (!fixedIPs) return missing('PortNotReady', `waiting for the addresses of Port ${key}`)
  const ipv4 = fixedIPs.filter(({ ipAddress }) => familyOf(ipAddress) === 'IPv4')
  const asked = spec.fixedIPAddress
  const one = asked === undefined ? ipv4[0] : ipv4.find(({ ipAddress }) => ipAddress === asked)
  if (one) return found(one)
  const has = ipv4.map(({ ipAddress }) => ipAddress).join(', ')
  return asked === undefined
    ? missing('AddressNotOnPort', `Port ${key} has no IPv4 address: name another Port`)
    : missing(
        'AddressNotOnPort',
        `spec.fixedIPAddress ${asked} is no address of Port ${key}, which has ${has || 'none of IPv4'}`,
      )
}

/** Of several that lead to one address, one that does already keeps it, and otherwise the oldest gets it. */
function findRival(self: FloatingIP, fixedAddress: string, port: Port, { caches }: TargetDeps): FloatingIP | undefined {
  const others = caches.floatingIPs
    .listBy('port', keyOfObject(port))
    .filter(({ metadata }) => metadata.uid !== self.metadata.uid && metadata.deletionTimestamp === undefined)
    .filter(
      (other) =>
        keyOf(other.spec.networkRef, other.metadata.namespace) === keyOf(self.spec.networkRef, self.metadata.namespace),
    )
    .filter((other) => (other.spec.fixedIPAddress ?? firstOf(port)) === fixedAddress)
  const rank = (one: FloatingIP) =>
    `${one.status?.portUID === port.metadata.uid ? 0 : 1} ${one.metadata.creationTimestamp ?? ''} ${one.metadata.uid}`
  return others.find((other) => rank(other) < rank(self))
}

function firstOf({ status }: Port): string | undefined {
  return status?.fixedIPs?.find(({ ipAddress }) => familyOf(ipAddress) === 'IPv4')?.ipAddress
}

function findRouter(port: Port, subnetName: string, { metadata }: Network, { caches }: TargetDeps): Router | undefined {
  const namespace = port.spec.networkRef.namespace ?? port.metadata.namespace
  const subnet = caches.subnets.find(namespace, subnetName)
  const joined = subnet ? caches.routers.listBy('legUID', subnet.metadata.uid) : []
  return joined.find(({ status }) => status?.externalGateway?.networkUID === metadata.uid)
}

/** A node that is connected to the physical network answers for the addresses of its own machines. */
function findDistributed(
  { metadata }: FloatingIP,
  { status, metadata: { uid: portUid } }: Port,
  network: Network,
  { caches }: TargetDeps,
): Target['distributed'] {
  const node = caches.computeNodes.find(undefined, status?.node ?? '')
  const physical = network.status?.physicalNetwork
  if (!node || physical === undefined || !isConnected(node, physical)) return undefined
  return { portUid, mac: floatingMac(metadata.uid) }
}
