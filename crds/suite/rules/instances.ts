// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

const NIC = 'spec.networks[0]'

export const INSTANCE: RuleCase[] = [
  {
    kind: 'Instance',
    path: '',
    says: 'write spec.hostname, or choose a shorter name',
    bad: [
      { 'spec.hostname': undefined, 'metadata.name': 'a.b' },
      { 'spec.hostname': undefined, 'metadata.name': 'a'.repeat(64) },
    ],
    good: [{ 'metadata.name': 'a.b' }, { 'spec.hostname': undefined, 'metadata.name': 'a'.repeat(63) }],
  },
  {
    kind: 'Instance',
    path: 'spec.networks[]',
    says: 'write one of networkRef (a Port is made) and portRef',
    bad: [{ 'spec.networks[1].portRef': undefined }, { 'spec.networks[1].networkRef': { name: 'net' } }],
  },
  {
    kind: 'Instance',
    path: 'spec.networks[]',
    says: 'belong to networkRef',
    bad: [
      { 'spec.networks[1].ipAddress': '10.0.0.6' },
      { 'spec.networks[1].subnetRef': { name: 'sub' } },
      { 'spec.networks[1].macAddress': 'fa:16:3e:00:00:09' },
      { 'spec.networks[1].vnicType': 'normal' },
    ],
    good: [{ [NIC]: { networkRef: { name: 'net' } } }],
  },
  {
    kind: 'Instance',
    path: 'spec.networks',
    says: 'write each portRef once only',
    bad: { [NIC]: { portRef: { name: 'mine' } } },
    good: [{ [NIC]: { portRef: { name: 'other' } } }],
  },
  {
    kind: 'Instance',
    path: 'spec.volumes',
    says: 'write each Volume once only',
    bad: { 'spec.volumes[1].volumeRef.name': 'data' },
  },
  {
    kind: 'Instance',
    path: 'spec.userData',
    says: 'user data in line is at most 16 KiB',
    bad: { 'spec.userData': 'é'.repeat(8193) },
    good: [{ 'spec.userData': 'é'.repeat(8192) }],
  },
  {
    kind: 'Instance',
    path: 'spec.hostname',
    says: 'write a DNS label',
    bad: ['VM', 'a.b', '-a', 'a b', '$(id)'].map((hostname) => ({ 'spec.hostname': hostname })),
  },
  {
    kind: 'Instance',
    path: 'spec',
    says: 'write one of userData and userDataSecretRef',
    bad: { 'spec.userDataSecretRef': { name: 'secret' } },
    good: [{ 'spec.userDataSecretRef': { name: 'secret' }, 'spec.userData': undefined }],
  },
  changed(
    'Instance',
    '',
    'imageRef can change once status.image says',
    { 'spec.imageRef.name': 'other' },
    {
      before: { 'status.image': undefined, 'status.rootDisk': undefined },
      observed: true,
      good: [{ 'spec.flavorRef.name': 'large', 'spec.runState': 'Stopped', 'spec.volumes': [] }],
    },
  ),
  changed('Instance', 'spec', 'keyPairRef cannot change', { 'spec.keyPairRef': undefined }),
  changed('Instance', 'spec', 'userData cannot change', { 'spec.userData': 'other' }),
  changed(
    'Instance',
    'spec',
    'userDataSecretRef cannot change',
    { 'spec.userDataSecretRef.key': 'other' },
    { sample: 1 },
  ),
  changed('Instance', 'spec', 'availabilityZone cannot change', { 'spec.availabilityZone': 'b' }),
  {
    ...{ kind: 'Instance', path: 'spec.schedulerHints', says: 'cidr belongs to buildNearHostIP' },
    bad: { 'spec.schedulerHints.buildNearHostIP': undefined },
    good: [{ 'spec.schedulerHints.cidr': undefined }],
  },
  changed('Instance', 'spec', 'schedulerHints cannot change', { 'spec.schedulerHints.node': 'compute-2' }),
  changed('Instance', 'spec', 'serverGroupRef cannot change', { 'spec.serverGroupRef.name': 'other' }),
  changed('Instance', 'spec', 'configDrive cannot change', { 'spec.configDrive': true }),
]
