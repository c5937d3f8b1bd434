// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'
import { placementsOf } from '../../placed/placement.ts'
import { releaseFrom } from '../../placed/release.ts'
import { deletePort } from './interfaces.ts'
import { portKeyOf, portNamesOf } from './nics.ts'
import { portRelease } from './port-release.ts'

/** Works at any stage of the build: first the machine, then its ports. Volumes detach by themselves once the machine is gone. */
export async function removeInstance(instance: Instance, deps: InstanceDeps, run: InstanceRun): Promise<Outcome> {
  const status = (instance.status ??= {})
  status.state = 'DELETING'
  const users = waitForHolders('instances', instance, deps.caches)
  if (users) return users
  let waiting: Outcome | undefined
  for (const placement of placementsOf(instance)) waiting = (await releaseFrom(placement, deps)) ?? waiting
  if (waiting) return waiting
  waiting = await removePorts(instance, deps, run)
  if (waiting) return waiting
  // The claim is dropped with the object, which wakes machines waiting for room: operator/leadership/follow-caches.ts.
  return released
}

/** Deletes automatic ports; a user's port is only unplugged. Waits for all: where they are plugged is read from this object. */
async function removePorts(instance: Instance, deps: InstanceDeps, run: InstanceRun): Promise<Outcome | undefined> {
  let waiting: Outcome | undefined
  for (const portName of portNamesOf(instance)) {
    const port = deps.caches.ports.findByKey(portKeyOf(instance, { portName }))
    if (!port) continue
    if (ownerUidOf(port) !== instance.metadata.uid) {
      for (const placement of placementsOf(instance)) waiting = portRelease(port, instance, placement, deps) ?? waiting
      continue
    }
    await deletePort(port, deps, run)
    const { name, deletionTimestamp } = port.metadata
    const ready = findCondition(port.status?.conditions, 'Ready')
    const why = deletionTimestamp !== undefined && ready?.status === 'False' ? `: ${ready.message}` : ''
    waiting = waitFor('Releasing', `waiting for Port ${name} to go${why}`)
  }
  return waiting
}
