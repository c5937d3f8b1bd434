// SPDX-License-Identifier: Apache-2.0
import { metadataOf } from '../nodes/aggregate.ts'
import type { ClassFilter } from './filter.ts'

/** Nodes whose aggregates name Flavors are for machines of these alone. */
export const aggregateTypeAffinityFilter: ClassFilter = {
  name: 'AggregateTypeAffinityFilter',
  by: 'class',
  turnedBy: [],
  refuse({ aggregates }, { flavor }) {
    const names = metadataOf(aggregates).get('instance_type')
    if (!names || !flavor || names.has(flavor.name)) return undefined
    // Their names may be other projects'.
    return 'is for other Flavors, by instance_type of its HostAggregates'
  },
}
