// SPDX-License-Identifier: Apache-2.0
import { ADDRESS_SCOPE } from '../../../lib/api/kinds.ts'
import type { AddressScope, SubnetPool } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject, refOfKey } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { keyOf } from '../../kind/references.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { holdPrefixes, MOST_PREFIXES, type Held, type Refusal } from '../../ipam/hold-prefixes.ts'
import { listHeld } from '../../ipam/pool-ranges.ts'
import { scope as scopeOfPool } from './kind.ts'
import { versionOf } from '../../ipam/prefix-lengths.ts'
import type { OperatorDeps } from '../common/deps.ts'

export type SubnetPoolDeps = Pick<OperatorDeps, 'caches' | 'ranges'>

/**
 * The prefixes that the pool has: those of its spec, and those taken out of it that still have Subnets. In an AddressScope each is claimed
 * before it counts, and given up only after it does not count any more, so that no other pool ever has it at the same time.
 * @throws TerminalError `AddressFamilyMismatch`
 */
export async function settlePrefixes(
  pool: SubnetPool,
  deps: SubnetPoolDeps,
): Promise<{ prefixes: readonly string[]; lacks: readonly Outcome[] }> {
  const had = pool.status?.prefixes ?? []
  const { prefixes: spec } = pool.spec
  const going = had.filter((prefix) => !spec.includes(prefix))
  const wanted = [...spec, ...going.filter((prefix) => listHeld(pool, prefix).length > 0)]
  if (!pool.spec.addressScopeRef) return { prefixes: wanted, lacks: [] }
  const scope = resolveOnly(scopeOfPool, pool, deps.caches)
  if (!scope.ok) return { prefixes: wanted.filter((prefix) => had.includes(prefix)), lacks: [scope.outcome] }
  assertSameFamily(pool, scope.object)
  const { granted, refused } = await hold(pool, scope.object, [...new Set([...wanted, ...had])], deps)
  return {
    prefixes: wanted.filter((prefix) => granted.includes(prefix)),
    lacks: [...refused].map(([prefix, by]) => overlap(pool, scope.object, prefix, by)),
  }
}

async function hold(
  pool: SubnetPool,
  scope: AddressScope,
  prefixes: readonly string[],
  { ranges }: SubnetPoolDeps,
): Promise<Held> {
  const known = holdPrefixes(scope, pool, prefixes)
  if (known.status === undefined && known.answer.refused.size === 0) return known.answer
  const ref = refOfKey(keyOfObject(scope))
  const held = await ranges.change<AddressScope, Held>(ADDRESS_SCOPE, ref, (live) => holdPrefixes(live, pool, prefixes))
  return held ?? { granted: [], refused: new Map() }
}

/** Gives up all that it has. */
export async function leaveScope(pool: SubnetPool, { ranges }: SubnetPoolDeps): Promise<void> {
  const { addressScopeRef } = pool.spec
  if (!addressScopeRef) return
  const ref = refOfKey(keyOf(addressScopeRef, pool.metadata.namespace))
  await ranges.change<AddressScope, Held>(ADDRESS_SCOPE, ref, (live) => holdPrefixes(live, pool, []))
}

function assertSameFamily(pool: SubnetPool, scope: AddressScope): void {
  const { ipVersion } = scope.spec
  if (ipVersion === versionOf(pool)) return
  const message = `AddressScope ${keyOfObject(scope)} in spec.addressScopeRef is of IPv${ipVersion}, and spec.prefixes are not: make a SubnetPool that names one of IPv${versionOf(pool)}`
  throw new TerminalError('AddressFamilyMismatch', message)
}

function overlap(pool: SubnetPool, scope: AddressScope, prefix: string, by: Refusal): Outcome {
  const key = keyOfObject(scope)
  if (by === 'full')
    return waitFor(
      'CIDROverlap',
      `AddressScope ${key} has ${MOST_PREFIXES} prefixes, which is all it can: write fewer ones`,
    )
  const { namespace = '' } = pool.metadata
  const mayKnow = by.holder.startsWith(`${namespace}/`) || namespace === scope.metadata.namespace
  const who = mayKnow ? `${by.cidr} of SubnetPool ${by.holder}` : 'a prefix of another namespace'
  return waitFor(
    'CIDROverlap',
    `spec.prefixes: ${prefix} overlaps ${who} in AddressScope ${key}: take it out of one of the two`,
  )
}
