// SPDX-License-Identifier: Apache-2.0
// What a Port cannot have on a Network that an SDN controller realises.
import type { Network, Port } from '../../../lib/api/types.ts'
import type { PortDocument } from '../../../lib/contract/documents.ts'
import { assertSupported, controllerOf, hasFeature } from '../common/sdn-controller.ts'
import { isOffSwitch } from './off-switch.ts'

/** @throws TerminalError `UnsupportedByDriver` */
export function assertControllerDoes(port: Port, network: Network, isSecured: boolean): void {
  const { spec } = port
  assertSupported(network, !isOffSwitch(port), `spec.vnicType ${spec.vnicType ?? ''}`, 'make a Port with another one')
  assertSupported(network, spec.qosPolicyRef === undefined, 'spec.qosPolicyRef', 'leave it out')
  const isOpen = !isSecured || hasFeature(network, 'SecurityGroups')
  assertSupported(network, isOpen, 'spec.portSecurityEnabled', 'write false, as its Network does')
}

/** Of its document: who programs it, and by which physical network the node finds the bridge. Undefined: the network backend does. */
export function controllerForNode(network: Network): PortDocument['spec']['controller'] {
  const name = controllerOf(network)
  const { physicalNetwork } = network.status ?? {}
  return name === undefined || physicalNetwork === undefined ? undefined : { name, physicalNetwork }
}
