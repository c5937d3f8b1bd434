// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { missing, type Found } from '../../kind/found.ts'
import { findPhysicalNetwork } from '../network/physical-network.ts'
import { functionKindOf } from '../port/off-switch.ts'
import type { InstanceDeps } from './deps.ts'
import type { Nic } from './nics.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

/** What the machine's node lacks to take an interface that is added to it; undefined also where it has no node yet: that is scheduled. */
export function whyNotHere(
  { status }: Instance,
  { index }: Nic,
  port: Port,
  { caches, scheduler }: Pick<InstanceDeps, 'caches' | 'scheduler'>,
): Extract<Found<never>, { ok: false }> | undefined {
  const { node } = status ?? {}
  if (node === undefined) return undefined
  const kind = functionKindOf(port)
  if (kind !== undefined) {
    const message = `Port ${keyOfObject(port)} of spec.networks[${index}] is of vnicType ${kind}, whose virtual functions are claimed when a machine is placed: take the entry out, or make a new Instance with it`
    return missing('InterfaceNotHere', message)
  }
  const network = caches.networks.findByKey(networkKeyOf(port))
  const physical = network && findPhysicalNetwork(network, caches)
  const why = scheduler.whyNoInterface(node, {
    needsVhostUser: port.spec.vnicType === 'vhostuser',
    physicalNetworks: physical === undefined ? [] : [physical],
  })
  if (why === undefined) return undefined
  const message = `Port ${keyOfObject(port)} of spec.networks[${index}] cannot be plugged in: node ${node} of the machine ${why}. Take the entry out, or make a new Instance with it`
  return missing('InterfaceNotHere', message)
}
