// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

const FAMILY4 = { bad: ['203.0.113.256', 'fd00::5', '010.0.0.1'], good: ['192.0.2.9'] }

const FORWARDINGS = 'spec.portForwardings'

export const FLOATING_IP: RuleCase[] = [
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'write loadBalancerRef alone', sample: 2 },
    bad: [
      { 'spec.instanceRef': { name: 'x' } },
      { 'spec.portRef': { name: 'x' } },
      { 'spec.portForwardings': [{ protocol: 'tcp', externalPort: 80, internalPort: 80, portRef: { name: 'x' } }] },
    ],
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'no LoadBalancer takes the address along', sample: 2 },
    bad: { 'spec.reclaimPolicy': 'Delete' },
    good: [{ 'spec.reclaimPolicy': 'Retain' }],
  },
  changed('FloatingIP', 'spec', 'ipAddress cannot change', [
    { 'spec.ipAddress': '203.0.113.12' },
    { 'spec.ipAddress': undefined },
  ]),
  changed('FloatingIP', 'spec', 'subnetRef cannot change', [
    { 'spec.subnetRef.name': 'b' },
    { 'spec.subnetRef': undefined },
  ]),
  changed('FloatingIP', 'spec.networkRef', 'networkRef cannot change', { 'spec.networkRef.name': 'other' }),
  {
    ...{
      kind: 'FloatingIP',
      path: 'spec',
      says: 'write instanceRef or portRef, too',
      bad: { 'spec.portRef': undefined },
    },
    good: [{ 'spec.portRef': undefined, 'spec.instanceRef': { name: 'web' } }],
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'write one of instanceRef and portRef' },
    bad: { 'spec.instanceRef': { name: 'web' } },
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'write portForwardings, or one of', sample: 3 },
    bad: [{ 'spec.portRef': { name: 'eth' } }, { 'spec.instanceRef': { name: 'web' } }],
    good: [{ 'spec.portForwardings': [], 'spec.instanceRef': { name: 'web' } }],
  },
  {
    ...{ kind: 'FloatingIP', path: FORWARDINGS, says: 'write each port once', sample: 3 },
    bad: [9_999, 10_099].map((port) => ({
      [`${FORWARDINGS}[0].protocol`]: 'udp',
      [`${FORWARDINGS}[0].externalPort`]: port,
      [`${FORWARDINGS}[0].externalEndPort`]: 10_100,
    })),
    good: [
      { [`${FORWARDINGS}[0].protocol`]: 'udp', [`${FORWARDINGS}[0].externalPort`]: 10_100 },
      { [`${FORWARDINGS}[0].externalPort`]: 10_000 },
    ],
  },
  {
    ...{ kind: 'FloatingIP', path: FORWARDINGS, says: 'at most 1024 ports', sample: 3 },
    bad: { [`${FORWARDINGS}[1].externalEndPort`]: 11_023 },
    good: [{ [`${FORWARDINGS}[1].externalEndPort`]: 11_022 }],
  },
  {
    ...{ kind: 'FloatingIP', path: `${FORWARDINGS}[]`, says: 'write one of instanceRef and portRef: where', sample: 3 },
    bad: [{ [`${FORWARDINGS}[0].portRef`]: { name: 'eth' } }, { [`${FORWARDINGS}[0].instanceRef`]: undefined }],
    good: [{ [`${FORWARDINGS}[0].instanceRef`]: undefined, [`${FORWARDINGS}[0].portRef`]: { name: 'eth' } }],
  },
  {
    ...{ kind: 'FloatingIP', path: `${FORWARDINGS}[]`, says: 'not below externalPort', sample: 3 },
    bad: { [`${FORWARDINGS}[1].externalEndPort`]: 9999 },
    good: [{ [`${FORWARDINGS}[1].externalEndPort`]: 10_000 }],
  },
  {
    ...{ kind: 'FloatingIP', path: `${FORWARDINGS}[]`, says: 'would end above 65535', sample: 3 },
    bad: { [`${FORWARDINGS}[1].internalPort`]: 65_437 },
    good: [{ [`${FORWARDINGS}[1].internalPort`]: 65_436 }],
  },
  {
    ...{ kind: 'FloatingIP', path: `${FORWARDINGS}[].fixedIPAddress`, says: 'write an IPv4 address', sample: 3 },
    bad: FAMILY4.bad.map((address) => ({ [`${FORWARDINGS}[1].fixedIPAddress`]: address })),
    good: FAMILY4.good.map((address) => ({ [`${FORWARDINGS}[1].fixedIPAddress`]: address })),
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'reclaimPolicy Delete contradict each other', sample: 1 },
    bad: { 'spec.deletionProtection': true },
    good: [{ 'spec.deletionProtection': true, 'spec.reclaimPolicy': 'Retain' }],
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec', says: 'none of them takes the address along', sample: 3 },
    bad: { 'spec.reclaimPolicy': 'Delete' },
    good: [{ 'spec.reclaimPolicy': 'Retain' }],
  },
  {
    ...{ kind: 'FloatingIP', path: 'spec.dnsName', says: 'such as www.example.com', sample: 1 },
    bad: [
      'www',
      'www.example.com.',
      '*.example.com',
      'WWW.example.com',
      '-a.b',
      `${'a'.repeat(64)}.com`,
      'a b.com',
    ].map((name) => ({ 'spec.dnsName': name })),
    good: ['a.b', `${'a'.repeat(63)}.example.com`, '1.2-3.com'].map((name) => ({ 'spec.dnsName': name })),
  },
  ...(['ipAddress', 'fixedIPAddress'] as const).map((field): RuleCase => ({
    ...{ kind: 'FloatingIP', path: `spec.${field}`, says: 'write an IPv4 address' },
    bad: FAMILY4.bad.map((address) => ({ [`spec.${field}`]: address })),
    good: FAMILY4.good.map((address) => ({ [`spec.${field}`]: address })),
  })),
]
