// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { missing, type Found } from '../../kind/found.ts'
import { findPhysicalNetwork } from '../network/physical-network.ts'
import type { InstanceDeps } from './deps.ts'
import type { Nic } from './nics.ts'
import { claimFunction } from './pci-devices.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

/** What the machine's node lacks to take an interface that is added to it; undefined also where it has no node yet: that is scheduled. */
export function whyNotHere(
  instance: Instance,
  { index }: Nic,
  port: Port,
  deps: Pick<InstanceDeps, 'caches' | 'scheduler' | 'waitingRoom'>,
): Extract<Found<never>, { ok: false }> | undefined {
  const { caches, scheduler, waitingRoom } = deps
  const { node } = instance.status ?? {}
  if (node === undefined) return undefined
  const network = caches.networks.findByKey(networkKeyOf(port))
  const physical = network && findPhysicalNetwork(network, caches)
  const ask = {
    needsVhostUser: port.spec.vnicType === 'vhostuser',
    physicalNetworks: physical === undefined ? [] : [physical],
  }
  const why = scheduler.whyNoInterface(node, ask) ?? claimFunction(instance, port, deps)
  if (why === undefined) return undefined
  // Woken when the node has one, or is another: what it says of itself is looked at by its own controller first.
  waitingRoom.enter(keyOfObject(instance), { for: 'here', node })
  const message = `Port ${keyOfObject(port)} of spec.networks[${index}] cannot be plugged in: node ${node} of the machine ${why}. Take the entry out, or make a new Instance with it`
  return missing('InterfaceNotHere', message)
}
