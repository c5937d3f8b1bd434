// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerInstanceOf, ownerOfPort } from '../../placed/port-owner.ts'

/**
 * Whose port it is: its epochs, its place and its end depend on it, so that it is decided once and kept in the status (docs/decisions/0018).
 * An Instance of another namespace owns nothing here, and one that is gone decides nothing: the port stays without a place.
 */
export function decideOrigin(port: Port, deps: Pick<OperatorDeps, 'caches'>): void {
  const status = (port.status ??= {})
  if (status.origin !== undefined) return
  const owner = ownerOfPort(port)
  const instance = ownerInstanceOf(port, deps)
  if (owner && !instance) return
  // One that came from a version without this record and has had machines of its own.
  const isAhead = (status.epoch ?? 0) > (instance?.status?.epoch ?? 0)
  status.origin = owner && !isAhead ? 'Instance' : 'User'
  if (owner && !isAhead) status.owner = owner
}
