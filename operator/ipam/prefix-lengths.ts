// SPDX-License-Identifier: Apache-2.0
import type { SubnetPool } from '../../lib/api/types.ts'

/** What a Subnet can have, and what it has if it says nothing: as in Neutron, but for the default, which there is the largest. */
const LENGTHS = {
  4: { smallest: 8, largest: 30, usual: 24 },
  6: { smallest: 64, largest: 126, usual: 64 },
} as const

/** The family of its prefixes, which the schema holds to one. */
export function versionOf({ spec }: Pick<SubnetPool, 'spec'>): 4 | 6 {
  return spec.prefixes[0]?.includes(':') ? 6 : 4
}

/** Which lengths of prefixes Subnets may have of the pool. */
export function lengthsOf(pool: Pick<SubnetPool, 'spec'>): { min: number; max: number; usual: number } {
  const { minPrefixLength, maxPrefixLength, defaultPrefixLength } = pool.spec
  const { smallest, largest, usual } = LENGTHS[versionOf(pool)]
  const max = maxPrefixLength ?? largest
  const min = minPrefixLength ?? Math.min(smallest, max)
  return { min, max, usual: defaultPrefixLength ?? Math.min(Math.max(usual, min), max) }
}
