// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

/** What a Port of the sample has to leave out, or say, to go past the switch. */
const PAST = {
  ...{ 'spec.securityGroupRefs': undefined, 'spec.portSecurityEnabled': false },
  ...{ 'spec.allowedAddressPairs': undefined, 'spec.qosPolicyRef': undefined },
}

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
  ...['direct', 'macvtap'].flatMap((vnicType): RuleCase[] => [
    {
      kind: 'Port',
      path: 'spec',
      says: 'goes past the switch, where nothing guards it',
      bad: [undefined, true].map((enabled) => ({
        ...PAST,
        'spec.vnicType': vnicType,
        'spec.portSecurityEnabled': enabled,
      })),
      good: [{ ...PAST, 'spec.vnicType': vnicType }],
    },
    {
      kind: 'Port',
      path: 'spec',
      says: 'are of the switch, which a Port of vnicType direct or macvtap goes past',
      bad: [
        { 'spec.qosPolicyRef': { name: 'gold' } },
        { 'spec.allowedAddressPairs': [{ ipAddress: '10.0.0.100' }] },
      ].map((one) => ({ ...PAST, 'spec.vnicType': vnicType, ...one })),
      good: [{ ...PAST, 'spec.vnicType': vnicType }],
    },
  ]),
]
