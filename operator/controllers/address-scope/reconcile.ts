// SPDX-License-Identifier: Apache-2.0
import { SUBNET_POOL } from '../../../lib/api/kinds.ts'
import type { AddressScope } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { withoutLost } from '../../ipam/lost-ranges.ts'
import { listNames, waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'

export async function reconcileAddressScope(
  scope: AddressScope,
  { caches }: Pick<OperatorDeps, 'caches'>,
  run: Pick<Run, 'client' | 'signal'>,
): Promise<Outcome> {
  const status = (scope.status ??= {})
  const isGoing = scope.metadata.deletionTimestamp !== undefined
  status.state = isGoing ? 'DELETING' : 'ACTIVE'
  const had = status.allocations ?? []
  const kept = await withoutLost(had, { kind: SUBNET_POOL, cache: caches.subnetPools }, run)
  if (kept.length < had.length) {
    status.allocations = kept
    return saved
  }
  if (!isGoing) return done
  return waitForHolders('addressScopes', scope, caches) ?? waitForAllocations(scope) ?? released
}

/** A SubnetPool may have got its prefix when the deletion began, and not be known for it yet. */
function waitForAllocations({ status }: AddressScope): Outcome | undefined {
  const names = [...new Set((status?.allocations ?? []).map(({ holder }) => holder))]
  return names.length === 0
    ? undefined
    : waitFor('InUse', `in use by SubnetPools ${listNames(names)}: delete these first`)
}
