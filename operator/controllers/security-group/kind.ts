// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { isSharedWith } from '../../kind/resolve.ts'
import type { KindRow, NamedRef, Reference } from '../../kind/row.ts'
import { NOTHING, type Amounts } from '../../quota/amounts.ts'
import { isLetIn } from '../../quota/quota-use.ts'

/**
 * What rules name stays as long as they do: without its rows they let nothing in. Groups deleted together do not hold each other. What is no
 * longer shared closes at once.
 */
const TERMS: Pick<Reference<SecurityGroup>, 'isKept' | 'holds'> = {
  // What its rules in the backend name already they may keep naming while it is being deleted.
  isKept: (group, { metadata }) => isGoing(group) || hasRemote(group, metadata.uid),
  // Else anybody could hold what others have not shared.
  holds: (group, target) => !isGoing(group) && isSharedWith(target, group.metadata.namespace ?? ''),
}

export const remoteGroup: Reference<SecurityGroup, 'securityGroups'> = {
  to: 'securityGroups',
  refs: (group) => refsOf(group, 'remoteGroupRef'),
  ...TERMS,
}

export const remoteAddressGroup: Reference<SecurityGroup, 'addressGroups'> = {
  to: 'addressGroups',
  refs: (group) => refsOf(group, 'remoteAddressGroupRef'),
  ...TERMS,
}

type RemoteField = 'remoteGroupRef' | 'remoteAddressGroupRef'

function refsOf({ spec }: SecurityGroup, field: RemoteField): NamedRef[] {
  return (spec.rules ?? []).flatMap(({ [field]: ref }, i) => (ref ? [named(i, field, ref)] : []))
}

/** What the rule with this index names. */
export function named(i: number, field: RemoteField, ref: NamedRef['ref']): NamedRef {
  return { ref, field: `spec.rules[${i}].${field}` }
}

export function isStateful({ spec }: SecurityGroup): boolean {
  return spec.stateful !== false
}

function isGoing({ metadata }: SecurityGroup): boolean {
  return metadata.deletionTimestamp !== undefined
}

/** Whether rules of it that name this are in force. Earlier versions did not record that: of theirs all rules are, or none. */
function hasRemote(group: SecurityGroup, uid: string): boolean {
  return group.status?.remoteUIDs?.includes(uid) ?? isRealised(group)
}

function isRealised({ status, metadata }: SecurityGroup): boolean {
  const ready = findCondition(status?.conditions, 'Ready')
  return ready?.status === 'True' && ready.observedGeneration === metadata.generation
}

/** What it counts for with so many rules. */
export function amountsOf(securityGroupRules: number): Amounts {
  return { securityGroups: 1, securityGroupRules }
}

export const securityGroupKind: KindRow<SecurityGroup> = {
  references: { remoteGroup, remoteAddressGroup },
  quota: {
    needs: ({ spec }) => amountsOf(spec.rules?.length ?? 0),
    has: (group) =>
      isLetIn(group) || group.status?.rulesInForce !== undefined
        ? amountsOf(group.status?.rulesInForce ?? group.spec.rules?.length ?? 0)
        : NOTHING,
  },
}
