// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

/** Holds the group named by a rule: without its rows the rule lets nothing in. Groups deleted together do not hold each other. */
const remoteGroup: Reference<SecurityGroup, 'securityGroups'> = {
  to: 'securityGroups',
  refs: ({ spec }) =>
    (spec.rules ?? []).flatMap(({ remoteGroupRef }, i) =>
      remoteGroupRef ? [{ ref: remoteGroupRef, field: `spec.rules[${i}].remoteGroupRef` }] : [],
    ),
  holds: ({ metadata }) => metadata.deletionTimestamp === undefined,
}

export const securityGroupKind: KindRow<SecurityGroup> = { references: { remoteGroup } }
