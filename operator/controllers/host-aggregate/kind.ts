// SPDX-License-Identifier: Apache-2.0
import type { HostAggregate } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'

export const hostAggregateKind: KindRow<HostAggregate> = {
  indexes: {
    node: ({ spec }) => spec.nodes ?? [],
    /** `disk=nvme`: one of the labels that its nodes have, by which it is found from a node. */
    selects: ({ spec }) => keyLabelOf(spec) ?? [],
  },
}

/** The first label of the selector, at most one. */
export function keyLabelOf({ nodeSelector = {} }: HostAggregate['spec']): [string] | undefined {
  const [first] = Object.entries(nodeSelector)
  return first && [`${first[0]}=${first[1]}`]
}
