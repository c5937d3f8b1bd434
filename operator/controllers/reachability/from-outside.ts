// SPDX-License-Identifier: Apache-2.0
// At which address of an external Network somebody outside reaches a Port. Pure.
import type { FloatingIP, Network, Port } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import type { TraceProtocol } from '../../network/logical-trace.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { gatewayMac } from '../../network/own-macs.ts'
import { named, say, type Finding } from './finding.ts'
import { findMac } from './neighbours.ts'
import type { PortEnd, Question } from './question.ts'

export type Entrance = { finding?: undefined; address: string; port: number; mac: string } | { finding: Finding }

/** @param network the external one */
export function entranceOf({ destination, protocol, port }: Question, network: Network, caches: Caches): Entrance {
  if (destination.what === 'address') return entranceAt(destination.address, port, network, caches)
  if (destination.network.metadata.uid === network.metadata.uid)
    return entranceAt(destination.address, port, network, caches)
  const lead = findLead(destination, protocol, port, network, caches)
  if (lead) return entranceAt(lead.address, lead.port, network, caches)
  const mac = ownWay(destination, network, caches)
  if (mac !== undefined) return { address: destination.address, port, mac }
  return { finding: noFloatingIP(destination.port, network) }
}

function entranceAt(address: string, port: number, network: Network, caches: Caches): Entrance {
  const mac = findMac(network, address, caches)
  // On a physical network an unknown host may have it, which is none of the cloud's.
  if (mac !== undefined) return { address, port, mac }
  const message = `nobody on ${say(named('Network', network))} has the address ${address}`
  return { finding: { reason: 'AddressNotInUse', message, of: named('Network', network) } }
}

function findLead(
  { port: { metadata }, address }: PortEnd,
  protocol: TraceProtocol,
  port: number,
  network: Network,
  { floatingIPs }: Caches,
): { address: string; port: number } | undefined {
  const leads = floatingIPs
    .listBy('portUID', metadata.uid)
    .filter(({ status }) => status?.networkUID === network.metadata.uid)
  const whole = leads.find(({ status }) => status?.portUID === metadata.uid && status.fixedIPAddress === address)
  if (whole?.status?.ipAddress !== undefined) return { address: whole.status.ipAddress, port }
  for (const floatingIP of leads) {
    const externalPort = forwardedTo(floatingIP, metadata.uid, protocol, port)
    const external = floatingIP.status?.ipAddress
    if (externalPort !== undefined && external !== undefined) return { address: external, port: externalPort }
  }
  return undefined
}

/** The external port that leads to this port of the machine. */
function forwardedTo(
  { spec, status }: FloatingIP,
  portUID: string,
  protocol: TraceProtocol,
  port: number,
): number | undefined {
  for (const {
    protocol: of = 'tcp',
    externalPort,
    externalEndPort = externalPort,
    internalPort,
  } of spec.portForwardings ?? []) {
    const there = status?.portForwardings?.find((one) => one.protocol === of && one.externalPort === externalPort)
    const offset = port - (internalPort ?? externalPort)
    if (of === protocol && there?.portUID === portUID && offset >= 0 && externalPort + offset <= externalEndPort)
      return externalPort + offset
  }
  return undefined
}

/** Under its own address, where the Router to the Network does not translate. */
function ownWay({ subnet, address }: PortEnd, network: Network, { routers }: Caches): string | undefined {
  const router = ['legUID', 'joinedByPort']
    .flatMap((by) => routers.listBy(by, subnet.metadata.uid))
    .find(({ status }) => status?.externalGateway?.networkUID === network.metadata.uid)
  if (!router) return undefined
  const isTranslated = familyOf(address) === 'IPv4' && router.status?.externalGateway?.snat === true
  return isTranslated ? undefined : gatewayMac(router.metadata.uid)
}

function noFloatingIP(port: Port, network: Network): Finding {
  const of = named('Port', port)
  const message = `no FloatingIP of ${say(named('Network', network))} leads to ${say(of)}: make one with spec.portRef or spec.instanceRef, and have a Router join its Subnet to that Network`
  return { reason: 'NoFloatingIP', message, of }
}
