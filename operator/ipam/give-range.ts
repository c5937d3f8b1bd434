// SPDX-License-Identifier: Apache-2.0
// Which range a Subnet gets of a SubnetPool, from what the store holds of the pool. Pure.
import type { Subnet, SubnetPool } from '../../lib/api/types.ts'
import { TerminalError } from '../../lib/errors.ts'
import { keyOfObject } from '../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { areOverlapping, findCidr } from './address.ts'
import { chooseFree, isWithin, sizeOf, toCidrs } from './free-range.ts'
import type { Allocation, Decision } from './range-book.ts'
import { lengthsOf, versionOf } from './prefix-lengths.ts'
import { allocationsOf, usablePrefixes, withAllocations } from './pool-ranges.ts'
import { assertFits } from './subnet-fits.ts'

/** As many Subnets as one pool can have: its status lists them. */
export const MOST_SUBNETS = 2048

export type Given = { cidr: string } | { refused: Outcome } | { never: TerminalError }

/** The range that the Subnet has, or else the one that it asks for or the lowest that is free. Of a pool that is going: what it has. */
export function giveRange(pool: SubnetPool, subnet: Subnet): Decision<SubnetPool, Given> {
  const had = allocationsOf(pool).find(({ holderUID }) => holderUID === subnet.metadata.uid)
  if (had) return { answer: { cidr: had.cidr } }
  const kept = subnet.status?.cidr
  try {
    const cidr = kept === undefined ? choose(pool, subnet) : restore(pool, subnet, kept)
    return typeof cidr === 'string'
      ? { status: withAllocations(pool, [...allocationsOf(pool), entryOf(subnet, cidr)]), answer: { cidr } }
      : { answer: { refused: cidr } }
  } catch (error) {
    if (error instanceof TerminalError) return { answer: { never: error } }
    throw error
  }
}

function entryOf(subnet: Subnet, cidr: string): Allocation {
  return { cidr, holder: keyOfObject(subnet), holderUID: subnet.metadata.uid }
}

/** The pool has lost what it gave, as after a restore without status. */
function restore(pool: SubnetPool, subnet: Subnet, cidr: string): string | Outcome {
  return findTaken(pool, subnet, cidr) ?? cidr
}

function choose(pool: SubnetPool, subnet: Subnet): string | Outcome {
  const key = keyOfObject(pool)
  if (pool.metadata.deletionTimestamp !== undefined)
    return waitFor('SubnetPoolDeleting', `SubnetPool ${key} is being deleted and gives no more ranges`)
  const prefixes = usablePrefixes(pool)
  if (prefixes.length === 0) return waitFor('SubnetPoolNotReady', `waiting for SubnetPool ${key}: see its conditions`)
  const { cidr } = subnet.spec
  const length = cidr === undefined ? wantedLength(pool, subnet) : (findCidr(cidr)?.prefixLength ?? 0)
  assertLength(pool, subnet, length)
  assertFits(pool, subnet, length)
  const full = allocationsOf(pool).length >= MOST_SUBNETS
  if (full)
    return waitFor(
      'NoFreeRange',
      `SubnetPool ${key} has given ${MOST_SUBNETS} ranges, which is all it can: name another`,
    )
  if (cidr !== undefined) return exactly(pool, subnet, cidr)
  const chosen = chooseFree(toCidrs(prefixes), toCidrs(allocationsOf(pool).map((one) => one.cidr)), length)
  const none = `SubnetPool ${key} has no free range with a prefix of ${length} bits: delete Subnets of it, give it more prefixes, or make a Subnet with a longer prefixLength`
  return chosen === undefined ? waitFor('NoFreeRange', none) : (overQuota(pool, subnet, chosen) ?? chosen)
}

function exactly(pool: SubnetPool, subnet: Subnet, cidr: string): string | Outcome {
  const range = findCidr(cidr)
  if (!range || !isWithin(range, toCidrs(usablePrefixes(pool)))) {
    const message = `spec.cidr ${cidr} is not in a prefix of SubnetPool ${keyOfObject(pool)} (${usablePrefixes(pool).join(', ')}): have it added there, or make a Subnet with another cidr or without one`
    return waitFor('CIDROutsidePool', message)
  }
  return findTaken(pool, subnet, cidr) ?? overQuota(pool, subnet, cidr) ?? cidr
}

function findTaken(pool: SubnetPool, subnet: Subnet, cidr: string): Outcome | undefined {
  const other = allocationsOf(pool).find((one) => areOverlapping(one.cidr, cidr))
  if (!other) return undefined
  const { namespace = '' } = subnet.metadata
  const mayKnow = other.holder.startsWith(`${namespace}/`) || namespace === pool.metadata.namespace
  const who = mayKnow ? `Subnet ${other.holder} (${other.cidr})` : 'a Subnet of another namespace'
  return waitFor(
    'CIDRInUse',
    `${cidr} of SubnetPool ${keyOfObject(pool)} overlaps ${who}: delete that one, or make a Subnet with another cidr or without one`,
  )
}

function wantedLength(pool: SubnetPool, { spec }: Subnet): number {
  return spec.prefixLength ?? lengthsOf(pool).usual
}

function assertLength(pool: SubnetPool, { spec }: Subnet, length: number): void {
  const { min, max } = lengthsOf(pool)
  if (length >= min && length <= max) return
  const field = spec.cidr === undefined ? `spec.prefixLength ${length}` : `spec.cidr ${spec.cidr}`
  const message = `${field}: SubnetPool ${keyOfObject(pool)} gives prefixes of ${min} to ${max} bits; make a Subnet with such a one, or have the pool's minPrefixLength or maxPrefixLength changed`
  throw new TerminalError('PrefixLengthNotAllowed', message)
}

/** As Neutron counts: addresses of IPv4, ranges of 64 bits of IPv6 and parts of such. */
function overQuota(pool: SubnetPool, subnet: Subnet, cidr: string): Outcome | undefined {
  const { defaultQuota } = pool.spec
  if (defaultQuota === undefined) return undefined
  const namespace = `${subnet.metadata.namespace ?? ''}/`
  const mine = allocationsOf(pool).filter(({ holder }) => holder.startsWith(namespace))
  const sum = (texts: string[]) => toCidrs(texts).reduce((total, range) => total + sizeOf(range), 0n)
  const unit = versionOf(pool) === 4 ? 1n : 1n << 64n
  const [used, asked] = [sum(mine.map((one) => one.cidr)), sum([cidr])]
  if (used + asked <= BigInt(defaultQuota) * unit) return undefined
  const what = versionOf(pool) === 4 ? 'addresses' : 'ranges of 64 bits'
  const message = `a namespace may have ${defaultQuota} ${what} of SubnetPool ${keyOfObject(pool)} (its defaultQuota), and this one has ${used / unit} and asks for ${(asked + unit - 1n) / unit}: delete Subnets of it, make a smaller one, or have the quota raised`
  return waitFor('SubnetPoolQuotaExceeded', message)
}
