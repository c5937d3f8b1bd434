// SPDX-License-Identifier: Apache-2.0
import type { HostAggregate } from '../../../lib/api/types.ts'

/** Of the aggregates of a node, the oldest first, the one whose zone counts: a node is in one. */
export function givesZone(aggregates: readonly HostAggregate[]): HostAggregate | undefined {
  return aggregates.find(({ spec }) => spec.availabilityZone !== undefined)
}
