// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

const PASSWORD = { passwordSecretRef: { name: 'new-password' } }
const RESCUE = { imageRef: { name: 'rescue' } }

export const INSTANCE_ACTION: RuleCase[] = [
  changed(
    'InstanceAction',
    'spec',
    'what is done cannot change',
    [
      { 'spec.instanceRef': { name: 'web-2' } },
      { 'spec.type': 'Reset', 'spec.reboot': undefined },
      { 'spec.reboot': undefined },
      { 'spec.reboot': { type: 'Hard' } },
      { 'spec.activeDeadlineSeconds': 60 },
      { 'spec.ignoreLock': true },
      { 'spec.type': 'Rebuild', 'spec.reboot': undefined, 'spec.rebuild': {} },
      { 'spec.type': 'Rescue', 'spec.reboot': undefined, 'spec.rescue': RESCUE },
      { 'spec.type': 'Snapshot', 'spec.reboot': undefined, 'spec.snapshot': {} },
      { 'spec.reboot': undefined, 'spec.type': 'SetAdminPassword', 'spec.setAdminPassword': PASSWORD },
    ],
    { good: [{ 'spec.cancel': true }, { 'spec.ttlSecondsAfterFinished': 60 }] },
  ),
  changed('InstanceAction', 'spec', 'requestedBy says who made the InstanceAction', [
    { 'spec.requestedBy': 'bob' },
    { 'spec.requestedBy': undefined },
  ]),
  {
    ...{ kind: 'InstanceAction', path: 'spec', says: 'reboot is of type Reboot' },
    bad: { 'spec.type': 'Reset' },
    good: [{ 'spec.type': 'Reset', 'spec.reboot': undefined }],
  },
  {
    ...{ kind: 'InstanceAction', path: 'spec', says: 'setAdminPassword is of type SetAdminPassword' },
    bad: [
      { 'spec.type': 'SetAdminPassword', 'spec.reboot': undefined },
      { 'spec.type': 'Reset', 'spec.reboot': undefined, 'spec.setAdminPassword': PASSWORD },
    ],
    good: [{ 'spec.type': 'SetAdminPassword', 'spec.reboot': undefined, 'spec.setAdminPassword': PASSWORD }],
  },
  {
    ...{ kind: 'InstanceAction', path: 'spec', says: 'rebuild is of type Rebuild' },
    bad: { 'spec.rebuild': { preserveEphemeral: true } },
    good: [{ 'spec.type': 'Rebuild', 'spec.reboot': undefined, 'spec.rebuild': { preserveEphemeral: true } }],
  },
  {
    ...{ kind: 'InstanceAction', path: 'spec', says: 'rescue is of type Rescue' },
    bad: [{ 'spec.rescue': RESCUE }, { 'spec.type': 'Unrescue', 'spec.reboot': undefined, 'spec.rescue': RESCUE }],
    good: [
      { 'spec.type': 'Rescue', 'spec.reboot': undefined, 'spec.rescue': RESCUE },
      { 'spec.type': 'Unrescue', 'spec.reboot': undefined },
    ],
  },
  {
    ...{ kind: 'InstanceAction', path: 'spec', says: 'snapshot is of type Snapshot' },
    bad: { 'spec.snapshot': { imageName: 'before' } },
    good: [{ 'spec.type': 'Snapshot', 'spec.reboot': undefined, 'spec.snapshot': { imageName: 'before' } }],
  },
  {
    ...{ kind: 'InstanceAction', path: 'spec', says: 'the guest cannot be given all of the time' },
    bad: { 'spec.activeDeadlineSeconds': 30 },
    good: [{ 'spec.activeDeadlineSeconds': 31 }, { 'spec.activeDeadlineSeconds': 30, 'spec.reboot': undefined }],
  },
  {
    ...{ kind: 'InstanceAction', path: 'spec.reboot', says: 'a hard reboot does not wait for the guest' },
    bad: { 'spec.reboot.type': 'Hard' },
    good: [{ 'spec.reboot': { type: 'Hard' } }],
  },
]
