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
  changed('PlacementPreview', 'spec', 'a question cannot change', [
    { 'spec.count': 4 },
    { 'spec.template.flavorRef.name': 'large' },
    { 'spec.detailed': undefined },
  ]),
  {
    ...{ kind: 'PlacementPreview', path: 'spec', says: 'write one of instanceRef, template and drainNode' },
    bad: [
      { 'spec.template': undefined },
      { 'spec.instanceRef': { name: 'vm' } },
      { 'spec.template': undefined, 'spec.instanceRef': { name: 'vm' }, 'spec.drainNode': 'n1' },
    ],
    good: [{ 'spec.template': undefined, 'spec.instanceRef': { name: 'vm' } }],
  },
  {
    ...{ kind: 'PlacementPreview', path: 'spec', says: 'leave them out with drainNode', sample: 1 },
    bad: [{ 'spec.count': 2 }, { 'spec.namespace': 'team-a' }, { 'spec.detailed': true }, { 'spec.ignoreQuota': true }],
    good: [{ 'spec.count': 1, 'spec.detailed': false, 'spec.limit': 100 }],
  },
  {
    ...{ kind: 'PlacementPreview', path: 'spec.template.networks[]', says: 'write one of networkRef (a Port would' },
    bad: [
      { 'spec.template.networks[1].portRef': undefined },
      { 'spec.template.networks[1].networkRef': { name: 'net' } },
    ],
  },
  {
    ...{ kind: 'PlacementPreview', path: 'spec.template.networks[]', says: 'with portRef write it in the Port' },
    bad: { 'spec.template.networks[1].vnicType': 'normal' },
    good: [{ 'spec.template.networks[0].vnicType': 'normal' }],
  },
  {
    ...{ kind: 'PlacementPreview', path: 'spec.template.schedulerHints', says: 'cidr belongs to buildNearHostIP' },
    bad: { 'spec.template.schedulerHints.buildNearHostIP': undefined },
    good: [{ 'spec.template.schedulerHints.cidr': undefined }],
  },
]
