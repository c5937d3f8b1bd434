// SPDX-License-Identifier: Apache-2.0
import type { Port, QoSPolicy } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { Found } from '../../kind/found.ts'
import { dnsDomainOf } from '../common/dns-domain.ts'
import type { RealisedNetwork } from '../common/realised-network.ts'
import { packetRatesOf } from '../qos-policy/limits.ts'
import { policyInEffect } from '../qos-policy/users.ts'
import type { Binding } from './binding.ts'
import type { ResolvedAddress } from './claim-address.ts'
import type { PortDeps } from './deps.ts'
import { functionForNode, portDocument } from './document.ts'
import type { Identity } from './logical-port.ts'
import { isOffSwitch } from './off-switch.ts'
import { controllerForNode } from './on-controller.ts'
import type { PortSecurity } from './security.ts'
import { observePort } from './status.ts'

export interface ResolvedIdentity extends Identity {
  network: RealisedNetwork
  /** What of the limits of its traffic can be had; undefined: there are to be none. */
  policy: Found<QoSPolicy | undefined>
  /** Why the port is not a member of all groups that it names, or not limited as it should be. */
  lacks: Outcome | undefined
  addresses: readonly ResolvedAddress[]
}

/** Tells the node of the port, and takes over what it says. */
export async function bind(port: Port, identity: ResolvedIdentity, binding: Binding, deps: PortDeps): Promise<Outcome> {
  const given = policyInEffect(identity.policy, port, deps.caches)
  const writer = deps.writer()
  const regressed = deps.regression.check(port, { kind: 'port', node: binding.node, epoch: binding.epoch }, writer)
  if (regressed) return regressed
  const { mac, addresses, network } = identity
  const { mtu } = network.status
  await deps.bus.desired.publish(
    portDocument(
      port,
      {
        binding,
        mac,
        addresses,
        networkUid: network.metadata.uid,
        network: keyOfObject(network),
        mtu,
        dnsDomain: dnsDomainOf(network, deps.caches.clouds),
        providerNetwork: network.spec.provider?.providerNetworkRef.name,
        packetRates: given.ok && given.object && !isOffSwitch(port) ? packetRatesOf(given.object) : undefined,
        controller: controllerForNode(network),
        virtualFunction: functionForNode(port, network, binding.instance),
      },
      writer,
    ),
  )
  const observed = deps.bus.observed.find('port', port.metadata.uid, binding.node)
  const outcome = observePort(port, binding, observed, deps.writer())
  return outcome.kind === 'done' && port.status?.state === 'ACTIVE' ? awaitClaim(port, binding, deps) : outcome
}

/** The node's switch says nothing of a subport: it is there when the interface is, and its node has claimed it. */
function awaitClaim(port: Port, { node, parent }: Binding, { network }: PortDeps): Outcome {
  if (!parent || network.isClaimed(port.metadata.uid, node) !== false) return done
  if (port.status) port.status.state = 'BUILD'
  return waitFor('Plugging', `waiting for OVN on node ${node} to take it up`)
}

/** @throws TerminalError `NotPermitted` */
export function assertGiven({ refused }: PortSecurity): void {
  if (refused !== undefined) throw new TerminalError('NotPermitted', refused)
}
