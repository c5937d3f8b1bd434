// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerInstanceOf, ownerOfPort } from '../../placed/port-owner.ts'

/**
 * Whether the port is an Instance's or a user's. Its epochs, its place and its deletion depend on that, so it is decided once and kept in
 * the status (docs/decisions/0018). An owner that is gone, or in another namespace, decides nothing: the port stays without a place.
 */
export function decideOrigin(port: Port, deps: Pick<OperatorDeps, 'caches'>): void {
  const status = (port.status ??= {})
  if (status.origin !== undefined) return
  const owner = ownerOfPort(port)
  const instance = ownerInstanceOf(port, deps)
  if (owner && !instance) return
  // A higher epoch than its owner's: a port from a version without this record, which has had machines of its own.
  const isAhead = (status.epoch ?? 0) > (instance?.status?.epoch ?? 0)
  status.origin = owner && !isAhead ? 'Instance' : 'User'
  if (owner && !isAhead) status.owner = owner
}
