// SPDX-License-Identifier: Apache-2.0
import { metadataOf, namesOf } from '../nodes/aggregate.ts'
import type { ClassFilter } from './filter.ts'

/** Nodes whose aggregates name a property of images take no images that have it with another value. */
export const aggregateImagePropertiesIsolationFilter: ClassFilter = {
  name: 'AggregateImagePropertiesIsolation',
  by: 'class',
  turnedBy: [],
  refuse({ aggregates }, { imageProperties = {} }) {
    for (const [key, values] of metadataOf(aggregates)) {
      const has = imageProperties[key]
      if (has !== undefined && has !== '' && !values.has(has))
        return `is for images with ${key} ${[...values].join(', ')} by HostAggregate ${namesOf(aggregates, key)}, this one has ${has}`
    }
    return undefined
  },
}
