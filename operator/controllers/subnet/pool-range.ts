// SPDX-License-Identifier: Apache-2.0
import { SUBNET_POOL } from '../../../lib/api/kinds.ts'
import type { Subnet, SubnetPool } from '../../../lib/api/types.ts'
import { keyOfRef, refOfKey } from '../../../lib/kube/object.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { keyOf } from '../../kind/references.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { giveRange, type Given } from '../../ipam/give-range.ts'
import { allocationsOf, takeBack } from '../../ipam/pool-ranges.ts'
import { pool as poolOfSubnet } from './kind.ts'

type PoolDeps = Pick<OperatorDeps, 'caches' | 'ranges'>

/**
 * Has the Subnet's pool give it a range, which is in its status, and written, before anybody uses it. One that has its range keeps it,
 * also when the pool is gone; a pool that has lost what it gave is told.
 * @returns undefined: it has it
 * @throws TerminalError for what the pool can never give
 */
export async function settleRange(subnet: Subnet, deps: PoolDeps): Promise<Outcome | undefined> {
  const { subnetPoolRef } = subnet.spec
  if (!subnetPoolRef) return undefined
  const status = (subnet.status ??= {})
  const key = keyOf(subnetPoolRef, subnet.metadata.namespace)
  const known = deps.caches.subnetPools.findByKey(key)
  if (status.cidr === undefined) {
    const pool = resolveOnly(poolOfSubnet, subnet, deps.caches)
    if (!pool.ok) return pool.outcome
  } else if (!known || allocationsOf(known).some(({ holderUID }) => holderUID === subnet.metadata.uid)) return undefined
  const given = await deps.ranges.change<SubnetPool, Given>(SUBNET_POOL, refOfKey(key), (pool) =>
    giveRange(pool, subnet),
  )
  if (!given) return status.cidr === undefined ? waitFor('SubnetPoolNotFound', `SubnetPool ${key} is gone`) : undefined
  if ('never' in given) throw given.never
  if ('refused' in given) return given.refused
  if (status.cidr !== undefined) return undefined
  status.cidr = given.cidr
  const { addressScopeRef } = known?.spec ?? {}
  if (addressScopeRef) status.addressScope = keyOfRef({ ...refOfKey(key), ...addressScopeRef })
  return saved
}

/** Gives the range back; nothing may use it any more. */
export async function returnRange(subnet: Subnet, { ranges }: PoolDeps): Promise<void> {
  const { subnetPoolRef } = subnet.spec
  if (!subnetPoolRef) return
  const ref = refOfKey(keyOf(subnetPoolRef, subnet.metadata.namespace))
  const uids = new Set([subnet.metadata.uid])
  await ranges.change<SubnetPool, boolean>(SUBNET_POOL, ref, (pool) => takeBack(pool, uids))
}
