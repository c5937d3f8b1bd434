// SPDX-License-Identifier: Apache-2.0
import { SUBNET } from '../../../lib/api/kinds.ts'
import type { SubnetPool } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { withoutLost } from '../../ipam/lost-ranges.ts'
import { allMissing } from '../../kind/found.ts'
import { listNames, waitForHolders } from '../../kind/holders.ts'
import { allocationsOf, listHeld } from '../../ipam/pool-ranges.ts'
import { versionOf } from '../../ipam/prefix-lengths.ts'
import { leaveScope, settlePrefixes, type SubnetPoolDeps } from './prefixes.ts'

export async function reconcileSubnetPool(
  pool: SubnetPool,
  deps: SubnetPoolDeps,
  run: Pick<Run, 'client' | 'signal'>,
): Promise<Outcome> {
  const status = (pool.status ??= {})
  const had = allocationsOf(pool)
  const kept = await withoutLost(had, { kind: SUBNET, cache: deps.caches.subnets }, run)
  if (kept.length < had.length) {
    Object.assign(status, { allocations: kept, subnets: kept.length })
    return saved
  }
  if (pool.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const users = waitForHolders('subnetPools', pool, deps.caches) ?? waitForAllocations(pool)
    if (users) return users
    await leaveScope(pool, deps)
    return released
  }
  status.ipVersion = versionOf(pool)
  status.state ??= 'BUILD'
  const { prefixes, lacks } = await settlePrefixes(pool, deps)
  if (prefixes.join() !== status.prefixes?.join()) {
    status.prefixes = [...prefixes]
    status.subnets ??= 0
    return saved
  }
  const wanted = new Set(pool.spec.prefixes)
  if (prefixes.some((prefix) => wanted.has(prefix))) status.state = 'ACTIVE'
  const held = prefixes.filter((prefix) => !wanted.has(prefix)).map((prefix) => waitForPrefix(pool, prefix))
  return allMissing([...lacks, ...held])?.outcome ?? done
}

/** A Subnet may have got its range when the deletion began, and not be known for it yet. */
function waitForAllocations(pool: SubnetPool): Outcome | undefined {
  const names = allocationsOf(pool).map(({ holder }) => holder)
  return names.length === 0 ? undefined : waitFor('InUse', `in use by Subnets ${listNames(names)}: delete these first`)
}

function waitForPrefix(pool: SubnetPool, prefix: string): Outcome {
  const names = listHeld(pool, prefix).map(({ holder }) => holder)
  return waitFor(
    'PrefixInUse',
    `${prefix} is not in spec.prefixes any more and gives no more ranges; Subnets ${listNames(names)} have theirs of it: delete these, or write it again`,
  )
}
