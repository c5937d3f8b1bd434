// SPDX-License-Identifier: Apache-2.0
// Which Ports a Trunk may have. A Port is one thing at a time: an interface of a machine, a parent, a subport, or a
// leg of a Router.
import type { Port, Trunk } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { missing } from '../../kind/found.ts'
import { findFirst } from '../../kind/is-older.ts'
import { hasLetGo, usersOfPort } from '../../placed/holding.ts'
import { ownerOfPort } from '../../placed/port-owner.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { refuseOnExternal } from '../common/sdn-controller.ts'
import { isOffSwitch } from '../port/off-switch.ts'
import { hasSubport } from './kind.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

type Refusal = ReturnType<typeof missing>
export type MayHaveDeps = Pick<OperatorDeps, 'bus' | 'caches'>

/** Why the Port cannot be the parent. Pure. */
export function whyNotParent(trunk: Trunk, port: Port, deps: MayHaveDeps): Refusal | undefined {
  const { uid } = port.metadata
  const what = `Port ${port.metadata.name} in spec.portRef`
  const elsewhere = ofController(port, what, deps)
  if (elsewhere) return elsewhere
  if (isOffSwitch(port)) return ofPastSwitch(port, what)
  const owner = ownerOfPort(port)
  const router = routerOf(port, what)
  if (router) return router
  if (owner) return missing('PortInUse', `${what} was made for Instance ${owner.name} and goes with it: ${OWN_PORT}`)
  const holding = rivalOf(trunk, deps.caches.trunks.listBy('subportUID', uid), hasIt(trunk, uid))
  if (holding) return missing('PortInUse', `${what} is a subport of Trunk ${holding.metadata.name}: name another Port`)
  const other = rivalOf(trunk, deps.caches.trunks.listBy('parentUID', uid), trunk.status?.parentUID === uid)
  return (
    other && missing('PortInUse', `${what} is the parent of Trunk ${other.metadata.name}: add the subports to that one`)
  )
}
const OWN_PORT = 'make a Port, and name it in spec.networks[].portRef of the Instance'

function ofPastSwitch({ spec }: Port, what: string): Refusal {
  const why = spec.vnicType === 'external' ? 'is of a host outside' : 'is a virtual function of a network card'
  return missing('PortExternal', `${what} ${why} (vnicType ${spec.vnicType ?? ''}): name another Port`)
}

/** Frames with tags are not the cloud's on a Network that an SDN controller realises. */
function ofController(port: Port, what: string, { caches }: MayHaveDeps): Refusal | undefined {
  const network = caches.networks.findByKey(networkKeyOf(port))
  const outcome = network && refuseOnExternal(network, `a Trunk with ${what}`, 'name another Port')
  return outcome && { ok: false, outcome }
}

/** Why the Port cannot be a subport. Pure. */
export function whyNotSubport(trunk: Trunk, port: Port, field: string, deps: MayHaveDeps): Refusal | undefined {
  const { trunks } = deps.caches
  const { uid } = port.metadata
  const what = `Port ${port.metadata.name} in ${field}`
  const router = routerOf(port, what)
  if (router) return router
  const elsewhere = ofController(port, what, deps)
  if (elsewhere) return elsewhere
  if (isOffSwitch(port)) return ofPastSwitch(port, what)
  const user = ownerOfPort(port)?.name ?? machineOf(trunk, port, deps)
  if (user !== undefined) return missing('PortInUse', `${what} is an interface of Instance ${user}: name another Port`)
  const above = rivalOf(trunk, trunks.listBy('parentUID', uid), hasSubport(trunk, uid))
  if (above)
    return missing('PortInUse', `${what} is the parent of Trunk ${above.metadata.name}: a Trunk cannot be on another`)
  const other = rivalOf(trunk, trunks.listBy('subportUID', uid), hasSubport(trunk, uid))
  return other && missing('PortInUse', `${what} is a subport of Trunk ${other.metadata.name}: take it out there first`)
}

function routerOf({ status }: Port, what: string): Refusal | undefined {
  const { router } = status ?? {}
  return router && missing('PortInUse', `${what} is a leg of Router ${router.name}: name another Port`)
}

/** The machine that has the Port as an interface, or named it as one before it was a subport. */
function machineOf(trunk: Trunk, port: Port, deps: MayHaveDeps): string | undefined {
  if (port.status?.instance && !port.status.trunk) return port.status.instance.name
  if (hasSubport(trunk, port.metadata.uid)) return undefined
  return usersOfPort(port, deps).find((user) => !hasLetGo(user, deps))?.metadata.name
}

/** Frames of a subport come by the parent's interface, whose device drops longer ones. As Neutron's SubPortMtuGreaterThanTrunkPortMtu. */
export function whyTooLarge(port: Port, field: string, parent: Port, { caches }: MayHaveDeps): Refusal | undefined {
  const [own, most] = [port, parent].map((one) => caches.networks.findByKey(networkKeyOf(one)))
  const { mtu = 0 } = own?.status ?? {}
  const { mtu: mostMtu } = most?.status ?? {}
  if (!own || !most || mostMtu === undefined || mtu <= mostMtu) return undefined
  const message = `Port ${port.metadata.name} in ${field} is on Network ${keyOfObject(own)} with an MTU of ${mtu}, more than the ${mostMtu} of its parent's Network ${keyOfObject(most)}: write a smaller spec.mtu there`
  return missing('MTUTooLarge', message)
}

function hasIt(trunk: Trunk, uid: string): boolean {
  return trunk.status?.parentUID === uid
}

function rivalOf(trunk: Trunk, holders: readonly Trunk[], hasItAlready: boolean): Trunk | undefined {
  const others = holders.filter(({ metadata }) => metadata.uid !== trunk.metadata.uid)
  return findFirst(others, trunk, hasItAlready)
}
