// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

/**
 * Holds the group named by a rule: without its rows the rule lets nothing in. Groups deleted together do not hold each other. What is no
 * longer shared closes at once.
 */
export const remoteGroup: Reference<SecurityGroup, 'securityGroups'> = {
  to: 'securityGroups',
  refs: ({ spec }) =>
    (spec.rules ?? []).flatMap(({ remoteGroupRef }, i) =>
      remoteGroupRef ? [{ ref: remoteGroupRef, field: `spec.rules[${i}].remoteGroupRef` }] : [],
    ),
  // Its present rules are already in the backend, so they may keep naming a group that is being deleted.
  isKept: (group) => isGoing(group) || isRealised(group),
  holds: (group) => !isGoing(group),
}

export function isStateful({ spec }: SecurityGroup): boolean {
  return spec.stateful !== false
}

function isGoing({ metadata }: SecurityGroup): boolean {
  return metadata.deletionTimestamp !== undefined
}

function isRealised({ status, metadata }: SecurityGroup): boolean {
  const ready = findCondition(status?.conditions, 'Ready')
  return ready?.status === 'True' && ready.observedGeneration === metadata.generation
}

export const securityGroupKind: KindRow<SecurityGroup> = { references: { remoteGroup } }
