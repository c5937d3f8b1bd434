// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

export const SCHEDULING: RuleCase[] = [
  {
    ...{ kind: 'HostAggregate', path: 'spec.metadata', says: 'write spec.availabilityZone' },
    bad: { 'spec.metadata': { availability_zone: 'b' } },
    good: [{ 'spec.metadata': { zone: 'b' } }],
  },
  {
    ...{ kind: 'ServerGroup', path: 'spec', says: 'maxServersPerHost belongs to policy anti-affinity' },
    bad: { 'spec.policy': 'soft-anti-affinity' },
    good: [{ 'spec.policy': 'affinity', 'spec.maxServersPerHost': undefined }],
  },
  changed('ServerGroup', 'spec.policy', 'policy cannot change', {
    'spec.policy': 'affinity',
    'spec.maxServersPerHost': undefined,
  }),
]
