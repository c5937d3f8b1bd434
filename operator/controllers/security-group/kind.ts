// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

/** A rule that names a group without rows lets nothing in. Groups that go together do not wait for each other. */
const remoteGroup: Reference<SecurityGroup, 'securityGroups'> = {
  to: 'securityGroups',
  refs: ({ spec }) =>
    (spec.rules ?? []).flatMap(({ remoteGroupRef }, i) =>
      remoteGroupRef ? [{ ref: remoteGroupRef, field: `spec.rules[${i}].remoteGroupRef` }] : [],
    ),
  holds: ({ metadata }) => metadata.deletionTimestamp === undefined,
}

export const securityGroupKind: KindRow<SecurityGroup> = { references: { remoteGroup } }
