// SPDX-License-Identifier: Apache-2.0
import { valuesOf } from '../nodes/aggregate.ts'
import type { ClassWeigher } from './weigher.ts'

const KEY = 'weight'

/** By the key `weight` in the metadata of a node's aggregates, all of them together; what is no number counts 0. */
export const aggregateMetadataWeigher: ClassWeigher = {
  name: 'AggregateMetadataWeigher',
  multiplier: 1,
  by: 'class',
  weigh({ aggregates }) {
    const numbers = valuesOf(aggregates, KEY).map(Number)
    return numbers.reduce((sum, one) => sum + (Number.isFinite(one) ? one : 0), 0)
  },
}
