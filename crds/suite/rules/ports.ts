// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

export const PORT: RuleCase[] = [
  {
    kind: 'Port',
    path: 'spec.allowedAddressPairs[].ipAddress',
    says: 'write an IP address or a range',
    bad: [{ 'spec.allowedAddressPairs[0].ipAddress': 'any' }],
    good: [{ 'spec.allowedAddressPairs[0].ipAddress': '10.0.0.96/29' }],
  },
  {
    kind: 'Port',
    path: 'spec.fixedIPs',
    says: 'leave fixedIPs out to be given an address',
    bad: { 'spec.fixedIPs': [] },
    good: [{ 'spec.fixedIPs': undefined }],
  },
  changed('Port', 'spec.networkRef', 'networkRef cannot change', { 'spec.networkRef.name': 'other' }),
  changed('Port', 'spec.vnicType', 'vnicType cannot change', { 'spec.vnicType': 'vhostuser' }),
  changed('Port', 'spec', 'macAddress cannot change once it is set', { 'spec.macAddress': 'fa:16:3e:00:00:02' }),
  changed('Port', 'spec', 'macAddress cannot change once it is set', { 'spec.macAddress': undefined }),
  changed(
    'Port',
    'spec',
    'fixedIPs cannot change',
    { 'spec.fixedIPs': [] },
    { good: [{ 'spec.securityGroupRefs': [] }] },
  ),
  {
    kind: 'Port',
    path: 'spec',
    says: 'security groups need port security',
    bad: { 'spec.portSecurityEnabled': false },
    good: [
      { 'spec.portSecurityEnabled': false, 'spec.securityGroupRefs': [] },
      { 'spec.portSecurityEnabled': undefined },
    ],
  },
]
