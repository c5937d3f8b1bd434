// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP, Instance, Network, Port, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { findFirst } from '../../kind/is-older.ts'
import { resolve } from '../../kind/resolve.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { floatingMac } from '../../network/own-macs.ts'
import type { LogicalFloatingIP } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isConnected } from '../common/connected.ts'
import { listPorts } from '../instance/nics.ts'
import { isOffSwitch } from '../port/off-switch.ts'
import { instance as instanceOfFloatingIP, port as portOfFloatingIP } from './kind.ts'
import { findLead, type Way } from './ways.ts'

export interface Target {
  port: Port
  /** By an instanceRef. */
  instance?: Instance
  fixedAddress: string
  router: Router
  distributed: LogicalFloatingIP['distributed']
}

type TargetDeps = Pick<OperatorDeps, 'caches'>

/** Where a way of the FloatingIP leads, and through which router. Pure. */
export function resolveTarget(floatingIP: FloatingIP, way: Way, network: Network, deps: TargetDeps): Found<Target> {
  const ports = findPorts(floatingIP, way, deps)
  if (!ports.ok) return ports
  // Of a machine the interface that it leads to already, or else the first that can; of none, what the first one lacks.
  const isPresent = ({ metadata }: Port) => metadata.uid === way.present?.portUID
  const { instance, list } = ports.object
  const inOrder = [...list.filter(isPresent), ...list.filter((port) => !isPresent(port))]
  const targets = inOrder.map((port) => targetOf(floatingIP, way, port, network, deps))
  const [first] = targets
  const chosen = targets.find(({ ok }) => ok) ?? first ?? noPorts(way)
  return chosen.ok && instance ? found({ ...chosen.object, instance }) : chosen
}

function findPorts(
  floatingIP: FloatingIP,
  { portRef, instanceRef, field }: Way,
  { caches }: TargetDeps,
): Found<{ list: Port[]; instance?: Instance }> {
  if (portRef) {
    const port = resolve(portOfFloatingIP, floatingIP, { ref: portRef, field: `${field}.portRef` }, caches)
    return port.ok ? found({ list: [port.object] }) : port
  }
  if (!instanceRef) throw new Error(`${field} of ${floatingIP.metadata.name} names no Port and no Instance`)
  const named = { ref: instanceRef, field: `${field}.instanceRef` }
  const instance = resolve(instanceOfFloatingIP, floatingIP, named, caches)
  if (!instance.ok) return instance
  const ports = listPorts(instance.object, caches.ports)
  if (ports.length > 0) return found({ list: ports, instance: instance.object })
  return missing('PortNotReady', `waiting for the Ports of Instance ${keyOfObject(instance.object)}`)
}

function noPorts({ instanceRef }: Way): ReturnType<typeof missing> {
  return missing('PortNotReady', `waiting for the Ports of Instance ${instanceRef?.name}`)
}

function targetOf(floatingIP: FloatingIP, way: Way, port: Port, network: Network, deps: TargetDeps): Found<Target> {
  const fixed = findFixed(way, port)
  if (!fixed.ok) return fixed
  const { ipAddress: fixedAddress, subnet } = fixed.object
  const router = findRouter(floatingIP, port, subnet, network, deps)
  if (!router) {
    const message = `no Router leads from Subnet ${subnet} of Port ${keyOfObject(port)} to Network ${keyOfObject(network)}: name both in one Router, the Subnet in spec.interfaces and the Network in spec.externalGateway`
    return missing('NotRouted', message)
  }
  const rival = findRival(floatingIP, way, fixedAddress, port, deps)
  if (rival) {
    const { metadata } = rival
    const leads = findLead(rival, port.metadata.uid, fixedAddress) === 'whole' ? 'leads' : 'forwards ports'
    const message = `FloatingIP ${metadata.name} of the same Network ${leads} to ${fixedAddress} of Port ${keyOfObject(port)} already: delete one of the two, or name another address in ${way.field}.fixedIPAddress`
    return missing('FixedIPInUse', message)
  }
  return found({ port, fixedAddress, router, distributed: findDistributed(floatingIP, port, network, deps) })
}

function findFixed({ fixedIPAddress: asked, field }: Way, port: Port): Found<{ subnet: string; ipAddress: string }> {
  const key = keyOfObject(port)
  const fixedIPs = port.status?.fixedIPs
  if (!fixedIPs) return missing('PortNotReady', `waiting for the addresses of Port ${key}`)
  const ipv4 = fixedIPs.filter(({ ipAddress }) => familyOf(ipAddress) === 'IPv4')
  const one = asked === undefined ? ipv4[0] : ipv4.find(({ ipAddress }) => ipAddress === asked)
  if (one) return found(one)
  const has = ipv4.map(({ ipAddress }) => ipAddress).join(', ')
  return asked === undefined
    ? missing('AddressNotOnPort', `Port ${key} has no IPv4 address: name another Port`)
    : missing(
        'AddressNotOnPort',
        `${field}.fixedIPAddress ${asked} is no address of Port ${key}, which has ${has || 'none of IPv4'}`,
      )
}

/**
 * Of several that lead to one address, one that was first keeps it: a machine sends under one address, and the answers to forwarded
 * connections would leave under it. Several may forward ports to one.
 */
function findRival(
  self: FloatingIP,
  { forwarding }: Way,
  fixedAddress: string,
  { metadata }: Port,
  { caches }: TargetDeps,
): FloatingIP | undefined {
  const leadOf = (one: FloatingIP) => findLead(one, metadata.uid, fixedAddress)
  const others = caches.floatingIPs
    .listBy('portUID', metadata.uid)
    .filter((other) => other.metadata.uid !== self.metadata.uid && other.status?.networkUID === self.status?.networkUID)
    .filter((other) => leadOf(other) === 'whole' || (leadOf(other) === 'forwarding' && !forwarding))
  return findFirst(others, self, leadOf(self) !== undefined)
}

/** One that is being deleted takes no new ones. */
function findRouter(
  { status: own }: FloatingIP,
  port: Port,
  subnetName: string,
  { metadata }: Network,
  { caches }: TargetDeps,
): Router | undefined {
  const namespace = port.spec.networkRef.namespace ?? port.metadata.namespace
  const subnet = caches.subnets.find(namespace, subnetName)
  // The one at the gateway address comes first: machines answer by way of it.
  const joined = (['legUID', 'joinedByPort'] as const).flatMap((by) =>
    subnet ? caches.routers.listBy(by, subnet.metadata.uid) : [],
  )
  return joined
    .filter((router) => router.metadata.deletionTimestamp === undefined || router.metadata.uid === own?.routerUID)
    .find(({ status }) => status?.externalGateway?.networkUID === metadata.uid)
}

/** A node that is connected to the physical network answers for the addresses of its own machines. */
function findDistributed(
  { metadata }: FloatingIP,
  port: Port,
  network: Network,
  { caches }: TargetDeps,
): Target['distributed'] {
  const {
    status,
    metadata: { uid: portUid },
  } = port
  const node = caches.computeNodes.find(undefined, status?.node ?? '')
  const physical = network.status?.physicalNetwork
  // Its frames do not pass the switch of its node.
  if (isOffSwitch(port)) return undefined
  if (!node || physical === undefined || !isConnected(node, physical)) return undefined
  return { portUid, mac: floatingMac(metadata.uid) }
}
