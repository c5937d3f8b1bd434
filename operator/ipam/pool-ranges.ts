// SPDX-License-Identifier: Apache-2.0
// What a SubnetPool has given to whom, as the store has it. Pure.
import type { SubnetPool } from '../../lib/api/types.ts'
import { findCidr, overlaps } from './address.ts'
import { isWithin, toCidrs } from './free-range.ts'
import type { Allocation, Decision } from './range-book.ts'

export function allocationsOf({ status }: SubnetPool): readonly Allocation[] {
  return status?.allocations ?? []
}

export function withAllocations(pool: SubnetPool, allocations: readonly Allocation[]): SubnetPool['status'] {
  return { ...pool.status, allocations: [...allocations], subnets: allocations.length }
}

/** What these Subnets have is free again. */
export function takeBack(pool: SubnetPool, uids: ReadonlySet<string>): Decision<SubnetPool, boolean> {
  const all = allocationsOf(pool)
  const left = all.filter(({ holderUID }) => !uids.has(holderUID))
  return left.length === all.length ? { answer: false } : { status: withAllocations(pool, left), answer: true }
}

/** Those that are asked for and granted: one that was just taken out of the spec gives nothing more. */
export function usablePrefixes({ spec, status }: SubnetPool): string[] {
  return (status?.prefixes ?? []).filter((prefix) => spec.prefixes.includes(prefix))
}

/** What Subnets have of a prefix, and of none that is usable. */
export function listHeld(pool: SubnetPool, prefix: string): readonly Allocation[] {
  const [room] = toCidrs([prefix])
  const usable = toCidrs(usablePrefixes(pool))
  return allocationsOf(pool).filter(({ cidr }) => {
    const range = findCidr(cidr)
    return range !== undefined && room !== undefined && overlaps(range, room) && !isWithin(range, usable)
  })
}
