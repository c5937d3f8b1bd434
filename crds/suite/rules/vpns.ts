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
    says: 'write an IPv4 address, such as',
    bad: ['gw.example.com', '010.0.0.1', '%any-addr'].map((address) => ({ 'spec.peerAddress': address })),
    good: [{ 'spec.peerAddress': '192.0.2.1' }],
  },
  {
    kind: 'VPNConnection',
    path: 'spec',
    says: 'write preSharedKeySecretRef or certificateSecretRef',
    bad: [{ 'spec.certificateSecretRef': { name: 'office' } }, { 'spec.preSharedKeySecretRef': undefined }],
    good: [{ 'spec.preSharedKeySecretRef': undefined, 'spec.certificateSecretRef': { name: 'office' } }],
  },
  ...['peerID', 'localID'].map((field) => ({
    kind: 'VPNConnection',
    path: `spec.${field}`,
    says: 'or the subject of a certificate, such as',
    bad: [
      '*.example.com',
      '%any',
      'CN=*',
      'CN=gw,O=x',
      'CN=a/b',
      'X=gw',
      'CN=',
      'CN=gw, ',
      '10.0.0.300',
      'asn1dn:#30',
    ].map((id) => ({ [`spec.${field}`]: id })),
    good: ['203.0.113.5', 'gw', 'gw@example.com', 'C=CH, O=An Example, CN=gw.example.com'].map((id) => ({
      [`spec.${field}`]: id,
    })),
  })),
]
