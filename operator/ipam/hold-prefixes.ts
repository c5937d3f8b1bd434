// SPDX-License-Identifier: Apache-2.0
// Which addresses of an AddressScope a SubnetPool has, from what the store holds of the scope. Pure.
import type { AddressScope, SubnetPool } from '../../lib/api/types.ts'
import { keyOfObject } from '../../lib/kube/object.ts'
import { areOverlapping } from './address.ts'
import type { Allocation, Decision } from './range-book.ts'

/** As many prefixes as the pools of one scope can have together: its status lists them. */
export const MOST_PREFIXES = 512

/** What another pool has of it, or that the scope can have no more. */
export type Refusal = Allocation | 'full'

export interface Held {
  granted: readonly string[]
  /** By the prefix that was asked for. */
  refused: ReadonlyMap<string, Refusal>
}

/** From now on the pool has those of the prefixes that no other one has a part of, and none else. */
export function holdPrefixes(
  scope: AddressScope,
  pool: SubnetPool,
  prefixes: readonly string[],
): Decision<AddressScope, Held> {
  const all = scope.status?.allocations ?? []
  const { uid } = pool.metadata
  const others = all.filter(({ holderUID }) => holderUID !== uid)
  const refused = new Map<string, Refusal>()
  const granted: string[] = []
  for (const prefix of prefixes) {
    const other = others.find(({ cidr }) => areOverlapping(cidr, prefix))
    if (other) refused.set(prefix, other)
    else if (others.length + granted.length >= MOST_PREFIXES) refused.set(prefix, 'full')
    else granted.push(prefix)
  }
  const had = all.filter(({ holderUID }) => holderUID === uid).map(({ cidr }) => cidr)
  const answer = { granted, refused }
  if (had.join() === granted.join()) return { answer }
  const mine = granted.map((cidr) => ({ cidr, holder: keyOfObject(pool), holderUID: uid }))
  return { status: { ...scope.status, allocations: [...others, ...mine] }, answer }
}
