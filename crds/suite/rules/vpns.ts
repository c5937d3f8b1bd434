// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

export const VPN: RuleCase[] = [
  changed('VPNService', 'spec.routerRef', 'routerRef cannot change', { 'spec.routerRef.name': 'other' }),
  changed('VPNConnection', 'spec.vpnServiceRef', 'vpnServiceRef cannot change', { 'spec.vpnServiceRef.name': 'other' }),
  {
    kind: 'VPNConnection',
    path: 'spec',
    says: 'one of peerCIDRs contains peerAddress',
    bad: [{ 'spec.peerCIDRs': ['10.9.0.0/24', '198.51.100.0/24'] }, { 'spec.peerCIDRs': ['0.0.0.0/0'] }],
    good: [{ 'spec.peerCIDRs': ['198.51.101.0/24'] }],
  },
  {
    kind: 'VPNConnection',
    path: 'spec.peerAddress',
    says: 'write an address in its usual form',
    bad: ['gw.example.com', '010.0.0.1', '%any-addr', 'fe80::1%eth0', '2001:DB8::1'].map((address) => ({
      'spec.peerAddress': address,
    })),
    good: [{ 'spec.peerAddress': '192.0.2.1' }, { 'spec.peerAddress': '2001:db8::1' }],
  },
  {
    kind: 'VPNConnection',
    path: 'spec.peerAddress',
    says: 'are no peer’s',
    bad: ['0.0.0.0', '::', '224.0.0.1', '255.255.255.255', 'ff0e::1', '127.0.0.1', 'fe80::1'].map((address) => ({
      'spec.peerAddress': address,
    })),
    good: [{ 'spec.peerAddress': '10.0.0.1' }, { 'spec.peerAddress': 'fd00::1' }],
  },
  {
    kind: 'VPNConnection',
    path: 'spec',
    says: 'write preSharedKeySecretRef or certificateSecretRef',
    bad: [{ 'spec.certificateSecretRef': { name: 'office' } }, { 'spec.preSharedKeySecretRef': undefined }],
    good: [{ 'spec.preSharedKeySecretRef': undefined, 'spec.certificateSecretRef': { name: 'office' } }],
  },
]
