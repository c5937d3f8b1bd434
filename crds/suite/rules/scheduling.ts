// SPDX-License-Identifier: Apache-2.0
import { type RuleCase } from './rule-case.ts'

export const SCHEDULING: RuleCase[] = [
  {
    ...{ kind: 'HostAggregate', path: 'spec.metadata', says: 'write spec.availabilityZone' },
    bad: { 'spec.metadata': { availability_zone: 'b' } },
    good: [{ 'spec.metadata': { zone: 'b' } }],
  },
]
