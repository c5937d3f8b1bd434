// SPDX-License-Identifier: Apache-2.0
import type { Network, Port } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { RealisedNetwork } from '../common/realised-network.ts'
import { chooseGateways, listGatewayNodes } from '../common/gateway-nodes.ts'
import type { PortDeps } from './deps.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

/**
 * The nodes that serve what is on the physical network beside the switches: hosts outside of the cloud and virtual functions. All such of a Network
 * have the same nodes, so that the physical switches see a router's MAC address at one place: ovn-nb(5), type external. @throws TerminalError `NoPhysicalNetwork`
 */
export function chooseServers(port: Port, network: RealisedNetwork, deps: PortDeps): string[] {
  const physicalNetwork = getPhysicalNetwork(port, network)
  const others = deps.caches.ports.listBy('offSwitch', networkKeyOf(port))
  const present = port.status?.gateways ?? others.find(({ status }) => status?.gateways)?.status?.gateways ?? []
  const nodes = chooseGateways(present, listGatewayNodes(physicalNetwork, deps), network.metadata.uid)
  const status = (port.status ??= {})
  if (nodes.length > 0) status.gateways = nodes
  else delete status.gateways
  return nodes
}

/** Its state, once its row is there. */
export function observeOutside(port: Port, nodes: readonly string[], { network }: PortDeps): Outcome {
  const status = (port.status ??= {})
  const claims = nodes.map((node) => network.isClaimed(port.metadata.uid, node))
  const isServed = claims.includes(true) || claims.includes(undefined)
  status.state = isServed ? 'ACTIVE' : nodes.length === 0 ? 'DOWN' : 'BUILD'
  if (isServed) return done
  if (nodes.length > 0) return waitFor('Plugging', `waiting for OVN on node ${nodes[0]} to take it up`)
  return noServer()
}

export function noServer(): Outcome {
  const message = `no node can serve it: label one with nephele.dev/network=gateway that is up, not cordoned and connected to the physical network (kubectl get computenodes)`
  return waitFor('NoGatewayNode', message)
}

/** @throws TerminalError `NoPhysicalNetwork` */
export function getPhysicalNetwork(port: Port, network: Network): string {
  const { physicalNetwork } = network.status ?? {}
  if (physicalNetwork !== undefined) return physicalNetwork
  const message = `Network ${keyOfObject(network)} in spec.networkRef is no physical one, which vnicType ${port.spec.vnicType ?? ''} needs: name one with spec.provider, or leave vnicType out`
  throw new TerminalError('NoPhysicalNetwork', message)
}
