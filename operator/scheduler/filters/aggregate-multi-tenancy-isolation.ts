// SPDX-License-Identifier: Apache-2.0
import { metadataOf } from '../nodes/aggregate.ts'
import type { ClassFilter } from './filter.ts'

/** A key that only begins so counts, too, because a value of metadata is short. */
const TENANTS = 'filter_tenant_id'

/** Nodes whose aggregates name projects are for machines of these alone. */
export const aggregateMultiTenancyIsolationFilter: ClassFilter = {
  name: 'AggregateMultiTenancyIsolation',
  by: 'class',
  turnedBy: [],
  refuse({ aggregates }, { project }) {
    if (project === undefined) return undefined
    const tenants = [...metadataOf(aggregates)].flatMap(([key, values]) => (key.startsWith(TENANTS) ? [...values] : []))
    if (tenants.length === 0 || tenants.includes(project)) return undefined
    return 'is for other projects, by filter_tenant_id of its HostAggregates'
  },
}
