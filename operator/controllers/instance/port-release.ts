// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import { hasReleased } from '../../placed/release.ts'
import type { Placement } from '../../placed/placement.ts'

/**
 * Is the port still plugged where its machine was? This only checks; the port controller does the work. Automatic ports share the
 * machine's epoch; a user's port has its own and forgets the node once released.
 */
export function portRelease(
  port: Port,
  instance: Instance,
  left: Placement,
  deps: Pick<OperatorDeps, 'bus' | 'caches'>,
): Outcome | undefined {
  const isAutomatic = ownerUidOf(port) === instance.metadata.uid
  if (!isAutomatic && (port.status?.node !== left.node || port.status.instance?.uid !== instance.metadata.uid))
    return undefined
  const epoch = isAutomatic ? left.epoch : (port.status?.epoch ?? 0)
  if (hasReleased({ kind: 'port', object: port, node: left.node, epoch }, deps)) return undefined
  return waitFor('Releasing', `waiting for Port ${port.metadata.name} to leave node ${left.node}`)
}
