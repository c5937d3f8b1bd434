// SPDX-License-Identifier: Apache-2.0
// What a Reachability asks, with its names resolved.
import type { Instance, Network, Port, Reachability, Subnet } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import { resolve } from '../../kind/resolve.ts'
import type { Caches, NamedRef } from '../../kind/row.ts'
import type { TraceProtocol } from '../../network/logical-trace.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { assertSupported } from '../common/sdn-controller.ts'
import { listNics, listPorts } from '../instance/nics.ts'
import { networkKeyOf } from '../../kind/network-key.ts'
import { familyOfSubnet } from '../subnet/range.ts'
import { isOwnAddress } from './neighbours.ts'
import { instance as instances, network as networks, port as ports } from './kind.ts'

type Family = 'IPv4' | 'IPv6'

/** A Port at one end, by one of its addresses. */
export interface PortEnd {
  what: 'port'
  port: Port
  instance: Instance | undefined
  network: Network
  subnet: Subnet
  address: string
  mac: string
}

export interface OutsideEnd {
  what: 'outside'
  network: Network
  address: string
}

export interface AddressEnd {
  what: 'address'
  address: string
}

export interface Question {
  namespace: string
  source: PortEnd | OutsideEnd
  destination: PortEnd | AddressEnd
  protocol: TraceProtocol
  port: number
  sourcePort: number
}

const DEFAULT_SOURCE_PORT = 49_152

/**
 * @returns what it waits for before it can be asked
 * @throws TerminalError for what cannot be asked
 */
export function resolveQuestion(reachability: Reachability, caches: Caches): Found<Question> {
  const { spec, metadata } = reachability
  const { source, destination } = spec
  const sender = source.networkRef ? undefined : candidates(reachability, 'source', caches)
  if (sender && !sender.ok) return sender
  const receiver = destination.ipAddress === undefined ? candidates(reachability, 'destination', caches) : undefined
  if (receiver && !receiver.ok) return receiver
  const outside = source.networkRef ? outsideOf(reachability, source.networkRef, caches) : undefined
  if (outside && !outside.ok) return outside
  if (outside && destination.ipAddress !== undefined)
    assertOwn(destination.ipAddress, metadata.namespace ?? '', outside.object, caches)
  const asked = familyAsked(reachability)
  const families: Family[] = asked ? [asked] : ['IPv4', 'IPv6']
  for (const family of families) {
    const from = outside ? outsideEnd(outside.object, source.ipAddress, family, caches) : pick(sender?.object, family)
    const to: PortEnd | AddressEnd | undefined =
      destination.ipAddress === undefined
        ? pick(receiver?.object, family)
        : { what: 'address', address: destination.ipAddress }
    if (!from || !to) continue
    for (const end of [from, to]) if (end.what !== 'address') assertTraceable(end.network)
    const { protocol = 'icmp', port = 0, sourcePort = DEFAULT_SOURCE_PORT } = spec
    return found({
      ...{ namespace: metadata.namespace ?? '', source: from, destination: to, protocol, port, sourcePort },
    })
  }
  throw new TerminalError(
    'FamilyMismatch',
    `source and destination have no ${asked ?? 'family of'} addresses in common: name another Port, or another etherType`,
  )
}

/**
 * Whom the rules of others let in under which address is theirs to know: nobody outside could find that out, since answers go to the
 * sender that was named. The Network's own project may ask about all of it.
 * @throws TerminalError
 */
function assertOwn(address: string, namespace: string, network: Network, caches: Caches): void {
  if (network.metadata.namespace === namespace || isOwnAddress(namespace, network, address, caches)) return
  const message = `${address} in spec.destination.ipAddress is no FloatingIP, gateway of a Router or Port of namespace ${namespace}: from outside, ask about one's own`
  throw new TerminalError('ForeignAddress', message)
}

/** @throws TerminalError for a Network whose packets an SDN controller leads */
function assertTraceable(network: Network): void {
  assertSupported(network, false, 'an answer about it', 'ask the controller')
}

function familyAsked({ spec }: Reachability): Family | undefined {
  const address = spec.destination.ipAddress ?? spec.source.ipAddress
  return spec.etherType ?? (address === undefined ? undefined : familyOf(address))
}

function pick(ends: readonly PortEnd[] | undefined, family: Family): PortEnd | undefined {
  return ends?.find(({ address }) => familyOf(address) === family)
}

/** All addresses of the machine's Ports, or of the Port. */
function candidates(reachability: Reachability, end: 'source' | 'destination', caches: Caches): Found<PortEnd[]> {
  const { instanceRef, portRef } = reachability.spec[end]
  if (portRef) {
    const port = resolve(ports, reachability, { ref: portRef, field: `spec.${end}.portRef` }, caches)
    return port.ok ? endsOf([port.object], caches) : port
  }
  if (!instanceRef) throw new Error(`spec.${end} names nothing`)
  const named: NamedRef = { ref: instanceRef, field: `spec.${end}.instanceRef` }
  const instance = resolve(instances, reachability, named, caches)
  if (!instance.ok) return instance
  const list = listPorts(instance.object, caches.ports)
  if (list.length > 0 || listNics(instance.object).length > 0) return endsOf(list, caches, instance.object)
  return missing('NoInterface', `Instance ${keyOfObject(instance.object)} has no interface: add one to spec.networks`)
}

function endsOf(list: readonly Port[], caches: Caches, instance?: Instance): Found<PortEnd[]> {
  const ends = list.flatMap((port) => {
    const network = caches.networks.findByKey(networkKeyOf(port))
    const { macAddress: mac, fixedIPs = [], instance: machine } = port.status ?? {}
    if (!network || mac === undefined) return []
    return fixedIPs.flatMap(({ subnet: name, ipAddress: address }): PortEnd[] => {
      const subnet = caches.subnets.find(network.metadata.namespace, name)
      const owner = instance ?? (machine && caches.instances.findByUid(machine.uid))
      return subnet ? [{ what: 'port', port, instance: owner, network, subnet, address, mac }] : []
    })
  })
  if (ends.length > 0) return found(ends)
  const [first] = list
  const whose = first ? `Port ${keyOfObject(first)}` : `the Ports of Instance ${instance && keyOfObject(instance)}`
  return missing('PortNotReady', `waiting for the addresses of ${whose}`)
}

function outsideOf(
  reachability: Reachability,
  ref: NonNullable<Reachability['spec']['source']['networkRef']>,
  caches: Caches,
): Found<Network> {
  const network = resolve(networks, reachability, { ref, field: 'spec.source.networkRef' }, caches)
  if (!network.ok || network.object.spec.external === true) return network
  const message = `Network ${keyOfObject(network.object)} in spec.source.networkRef is not external: name a Port or an Instance on it`
  throw new TerminalError('NotExternal', message)
}

function outsideEnd(
  network: Network,
  asked: string | undefined,
  family: Family,
  { subnets }: Caches,
): OutsideEnd | undefined {
  const all = subnets.listBy('network', keyOfObject(network))
  const [first] = all
    .filter((subnet) => familyOfSubnet(subnet) === family && subnet.status?.gatewayIP !== undefined)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const address = asked ?? first?.status?.gatewayIP
  return address === undefined ? undefined : { what: 'outside', network, address }
}
