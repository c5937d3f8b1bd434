// SPDX-License-Identifier: Apache-2.0
import type { Subnet, SubnetPool } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'

export const network: Reference<Subnet, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) => [{ ref: spec.networkRef, field: 'spec.networkRef' }],
  isKept: wasMade,
  holds: wasMade,
}

/** It was in the backend once; of one that goes nobody knows, and it goes by itself. */
function wasMade(subnet: Subnet): boolean {
  return isActive(subnet) || subnet.status?.state === 'DELETING'
}

export function isActive({ status }: Subnet): boolean {
  return status?.gatewayIP !== undefined || status?.state === 'ACTIVE'
}

/** The SubnetPool that gives its range. What it has of a pool it keeps, whatever becomes of the pool. */
export const pool: Reference<Subnet, 'subnetPools'> = {
  to: 'subnetPools',
  refs: ({ spec }) => (spec.subnetPoolRef ? [{ ref: spec.subnetPoolRef, field: 'spec.subnetPoolRef' }] : []),
  isKept: hasRange,
  isGranted: hasRange,
  holds: hasRange,
  wakes: (old, now) => givesMore(old, now),
}

function hasRange({ status }: Subnet): boolean {
  return status?.cidr !== undefined
}

/** A pool changes with each range that it gives, which is nothing to the Subnets that have theirs. */
function givesMore(old: SubnetPool, now: SubnetPool): boolean {
  const facts = ({ metadata, status }: SubnetPool) =>
    [metadata.uid, metadata.generation, metadata.deletionTimestamp, ...(status?.prefixes ?? [])].join()
  if (facts(old) !== facts(now)) return true
  const given = new Set(now.status?.allocations?.map(({ holderUID }) => holderUID))
  return old.status?.allocations?.some(({ holderUID }) => !given.has(holderUID)) ?? false
}

export const subnetKind: KindRow<Subnet> = { quota: oneOf('subnets'), references: { network, pool } }
