// SPDX-License-Identifier: Apache-2.0
// A Port that is a virtual function of a network card: its node gives it to the machine, and gateway nodes answer its DHCP and route for it, since
// its frames go past the switch of the node. As Neutron's OVN driver has it for SR-IOV (ports of type external).
import type { Port } from '../../../lib/api/types.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { hasDhcp } from '../subnet/dhcp.ts'
import { assertGiven, bind, type ResolvedIdentity } from './bind.ts'
import type { Binding } from './binding.ts'
import type { PortDeps } from './deps.ts'
import { whyNotTold } from './extra-dhcp.ts'
import { ensureLogicalPort, placeOffSwitch } from './logical-port.ts'
import { assertMayChooseMac } from './owners-choice.ts'
import { chooseServers, noServer } from './serve-outside.ts'
import { whyUnconnected } from './unconnected.ts'

/** @throws TerminalError `NotPermitted` */
export async function settleFunction(
  port: Port,
  identity: ResolvedIdentity,
  binding: Binding | undefined,
  deps: PortDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  const status = (port.status ??= {})
  const { network, security, addresses, lacks } = identity
  const servers = chooseServers(port, network, deps)
  await ensureLogicalPort(port, identity, placeOffSwitch(servers, binding), deps, signal)
  if (!binding) status.state = 'DOWN'
  if (binding && !hasClaimed(binding, port)) {
    status.state = 'DOWN'
    return waitFor('Unbound', unclaimed(binding))
  }
  const outcome = binding ? await bind(port, identity, binding, deps) : done
  recordFunction(port, binding, deps)
  if (outcome.kind !== 'done') return outcome
  const unconnected = binding && whyUnconnected(network, binding.node, deps.caches)
  if (unconnected) {
    status.state = 'DOWN'
    return unconnected
  }
  assertGiven(security)
  assertMayChooseMac(port, network, deps)
  // Without a server a guest that relies on DHCP gets no address.
  const isUnserved = servers.length === 0 && addresses.some(({ subnet }) => hasDhcp(subnet))
  return lacks ?? (isUnserved ? noServer() : undefined) ?? whyNotTold(port, addresses) ?? done
}

/** Whether the machine has it on record, and so a function of its node set aside. */
function hasClaimed({ instance }: Binding, { metadata }: Port): boolean {
  return instance.status?.interfaces?.some(({ portUID }) => portUID === metadata.uid) ?? false
}

function unclaimed({ instance, node }: Binding): string {
  return `Instance ${instance.metadata.name} on node ${node} has no virtual function set aside for it: its conditions say why`
}

function recordFunction(port: Port, binding: Binding | undefined, { bus, writer }: PortDeps): void {
  const status = (port.status ??= {})
  const observed = binding && bus.observed.find('port', port.metadata.uid, binding.node)
  const answer = binding && answerOf(observed, askedOf(port, binding.epoch, writer()))
  const { virtualFunction } = answer?.facts ?? {}
  if (virtualFunction) status.pciAddress = virtualFunction.address
  else if (!binding) delete status.pciAddress
}
