// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { NamedRef } from '../../kind/row.ts'
import { DEFAULT_GROUP } from '../security-group/default-group.ts'

/** The groups that a port names, or its namespace's `default` when it names none, as in Neutron. */
export function securityGroupRefsOf({ spec }: Port): readonly NamedRef[] {
  const refs = spec.securityGroupRefs ?? [{ name: DEFAULT_GROUP }]
  return refs.map((ref, i) => ({ ref, field: `spec.securityGroupRefs[${i}]` }))
}
