// SPDX-License-Identifier: Apache-2.0
import { metadataOf } from '../nodes/aggregate.ts'
import { matchesExtraSpec } from './extra-spec-operators.ts'
import type { ClassFilter } from './filter.ts'

const SCOPE = 'aggregate_instance_extra_specs:'

/** What the Flavor asks for in this scope, or in none, has to be in the metadata of the node's aggregates. */
export const aggregateInstanceExtraSpecsFilter: ClassFilter = {
  name: 'AggregateInstanceExtraSpecsFilter',
  by: 'class',
  turnedBy: [],
  refuse({ aggregates }, { flavor }) {
    for (const [spec, required] of Object.entries(flavor?.extraSpecs ?? {})) {
      const isScoped = spec.startsWith(SCOPE)
      // Of another scope. Behind this one the key may have colons of its own.
      if (!isScoped && spec.includes(':')) continue
      const key = isScoped ? spec.slice(SCOPE.length) : spec
      const values = metadataOf(aggregates).get(key)
      if (!values) return `is in no HostAggregate with ${key} in its metadata`
      if (![...values].some((value) => matchesExtraSpec(value, required)))
        return `has ${key} ${[...values].join(', ')} by its HostAggregates, the Flavor asks for ${required}`
    }
    return undefined
  },
}
