// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import { released, type Outcome } from '../../../lib/outcome.ts'
import { hasLetGo, usersOfPort } from '../../placed/holding.ts'
import { wasPlaced } from '../../placed/placement.ts'
import { listHolders, waitForUsers } from '../../kind/holders.ts'
import { releaseFrom } from '../../placed/release.ts'
import { listPlaces } from './binding.ts'
import { keepLogicalPort } from './logical-port.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import type { PortDeps, PortRun } from './deps.ts'

/** Frees things in an order in which no address is used twice: machine, plug, logical port, and only then the addresses. */
export async function removePort(port: Port, deps: PortDeps, run: PortRun): Promise<Outcome> {
  const status = (port.status ??= {})
  status.state = 'DELETING'
  const users = usersOfPort(port, deps).filter((user) => !hasLetGo(user, deps) && isUsing(port, user))
  const inUse = waitForUsers([['Instance', users], ...listHolders('ports', port, deps.caches)])
  if (inUse) {
    await keepLogicalPort(port, deps, run.signal)
    return inUse
  }
  for (const place of listPlaces(port, deps)) {
    const waiting = await releaseFrom({ kind: 'port', object: port, ...place }, deps)
    if (!waiting) continue
    // Until the node reports the port gone, a machine may still be using it.
    await keepLogicalPort(port, deps, run.signal)
    return waiting
  }
  await deps.network.remove('Port', port.metadata.uid, run.signal)
  await deps.network.remove('QoS', port.metadata.uid, run.signal)
  const { namespace = '', name, uid } = port.metadata
  await deps.addresses.release(deps.addresses.listHeld({ namespace, name, uid }))
  return released
}

/** A machine that names the port but was never placed does not hold up its deletion; one that is moving does. */
function isUsing(port: Port, user: Instance): boolean {
  const holder = port.status?.instance?.uid ?? ownerUidOf(port)
  return holder === user.metadata.uid && wasPlaced(user)
}
