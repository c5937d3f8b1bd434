// SPDX-License-Identifier: Apache-2.0
import type { ClassFilter } from './filter.ts'

export const availabilityZoneFilter: ClassFilter = {
  name: 'AvailabilityZoneFilter',
  by: 'class',
  turnedBy: [],
  refuse(node, { availabilityZone }) {
    if (availabilityZone === undefined || node.zone === availabilityZone) return undefined
    return `is in zone ${node.zone ?? '(none)'}`
  },
}
