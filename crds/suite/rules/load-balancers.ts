// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

const LISTENER = 'spec.listeners[0]'
const RULES = 'spec.listeners[2].rules'
const https = (port: number, certificates: number) => ({
  ...{ name: `at-${port}`, protocol: 'https', port },
  tls: { certificateSecretRefs: Array.from({ length: certificates }, (_, i) => ({ name: `c${i}` })) },
})

export const LOAD_BALANCER: RuleCase[] = [
  changed('LoadBalancer', 'spec.vip', 'vip cannot change', [
    { 'spec.vip.ipAddress': '10.0.0.101' },
    { 'spec.vip.ipAddress': undefined },
    { 'spec.vip.subnetRef.name': 'back' },
  ]),
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners',
    says: 'write each port of a protocol in one listener',
    bad: [
      { 'spec.listeners[1].protocol': 'tcp', 'spec.listeners[1].port': 80 },
      { 'spec.listeners[2].port': 80 },
      { 'spec.listeners[3].port': 80 },
      { 'spec.listeners[3].port': 8080 },
    ],
    good: [{ 'spec.listeners[1].port': 80 }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners',
    says: 'at most 16 certificateSecretRefs in all listeners together',
    bad: { 'spec.listeners[1]': https(9001, 8), 'spec.listeners[2]': https(9002, 8) },
    good: [{ 'spec.listeners[1]': https(9001, 8), 'spec.listeners[2]': https(9002, 6) }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[]',
    says: 'sctp cannot be monitored',
    bad: { [`${LISTENER}.protocol`]: 'sctp' },
    good: [{ [`${LISTENER}.protocol`]: 'sctp', [`${LISTENER}.healthMonitor`]: undefined }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[]',
    says: 'path and expectedCodes are for http and https',
    bad: { [`${LISTENER}.healthMonitor.path`]: '/' },
    good: [{ [`${LISTENER}.protocol`]: 'http', [`${LISTENER}.healthMonitor.path`]: '/' }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[]',
    says: 'proxyProtocol is for http and https',
    bad: { [`${LISTENER}.proxyProtocol`]: 'v1' },
    good: [{ [`${LISTENER}.protocol`]: 'http', [`${LISTENER}.proxyProtocol`]: 'v1' }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[]',
    says: 'tls is for https',
    bad: [{ 'spec.listeners[3].protocol': 'http' }, { 'spec.listeners[3].protocol': 'tcp' }],
    good: [{ 'spec.listeners[3].tls.minVersion': undefined }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[]',
    says: 'https needs a certificate',
    bad: { 'spec.listeners[3].tls': undefined },
    good: [{ 'spec.listeners[3].tls': undefined, 'spec.listeners[3].protocol': 'http' }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[]',
    says: 'expectedCodes are of what path answers',
    bad: { 'spec.listeners[2].healthMonitor.path': undefined },
    good: [{ 'spec.listeners[2].healthMonitor.expectedCodes': undefined }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].healthMonitor',
    says: 'a probe has to end before the next one',
    bad: [{ [`${LISTENER}.healthMonitor.timeoutSeconds`]: 6 }, { [`${LISTENER}.healthMonitor.intervalSeconds`]: 2 }],
    good: [{ [`${LISTENER}.healthMonitor.timeoutSeconds`]: 5 }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].healthMonitor.expectedCodes',
    says: 'a range of codes goes from the lowest to the highest',
    bad: ['299-200', '200,204-203'].map((codes) => ({ 'spec.listeners[2].healthMonitor.expectedCodes': codes })),
    good: ['200-200', '200-299', '200,203-204,301'].map((codes) => ({
      'spec.listeners[2].healthMonitor.expectedCodes': codes,
    })),
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].rules[].pool.healthMonitor.expectedCodes',
    says: 'a range of codes goes from the lowest to the highest',
    bad: { [`${RULES}[0].pool.healthMonitor.expectedCodes`]: '299-200' },
    good: [{ [`${RULES}[0].pool.healthMonitor.expectedCodes`]: '200-299' }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].members[].ipAddress',
    says: 'no machine is reached at a loopback or link-local address',
    bad: ['127.0.0.1', '169.254.169.254', '0.0.0.0', '::1', 'fe80::a9fe:a9fe'].map((address) => ({
      [`${LISTENER}.members[2].ipAddress`]: address,
    })),
    good: [{ [`${LISTENER}.members[2].ipAddress`]: '192.0.2.1' }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].members[]',
    says: 'write one of instanceSelector, portRef and ipAddress',
    bad: [{ [`${LISTENER}.members[2].portRef`]: { name: 'x' } }, { [`${LISTENER}.members[2].ipAddress`]: undefined }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[]',
    says: 'rules are for http and https',
    bad: { [`${LISTENER}.rules`]: [{ name: 'x', reject: {} }] },
    good: [{ [`${LISTENER}.protocol`]: 'http', [`${LISTENER}.rules`]: [{ name: 'x', reject: {} }] }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].rules[]',
    says: 'write one of pool, redirect and reject',
    bad: [{ [`${RULES}[0].reject`]: {} }, { [`${RULES}[2].reject`]: undefined }],
    good: [{ [`${RULES}[2].reject`]: {} }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].rules[].redirect',
    says: 'it would lead back to where it came from',
    bad: [{ [`${RULES}[1].redirect`]: {} }, { [`${RULES}[1].redirect`]: { statusCode: 308 } }],
    good: [{ [`${RULES}[1].redirect`]: { scheme: 'https' } }, { [`${RULES}[1].redirect`]: { path: '/' } }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].rules[].pool',
    says: 'expectedCodes are of what path answers',
    bad: { [`${RULES}[0].pool.healthMonitor.path`]: undefined },
    good: [
      {
        [`${RULES}[0].pool.healthMonitor.path`]: undefined,
        [`${RULES}[0].pool.healthMonitor.expectedCodes`]: undefined,
      },
    ],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].rules[].pool.members[].ipAddress',
    says: 'no machine is reached at a loopback or link-local address',
    bad: [{ [`${RULES}[0].pool.members[2].ipAddress`]: '127.0.0.1' }],
    good: [{ [`${RULES}[0].pool.members[2].ipAddress`]: '192.0.2.1' }],
  },
  {
    kind: 'LoadBalancer',
    path: 'spec.listeners[].rules[].pool.members[]',
    says: 'write one of instanceSelector, portRef and ipAddress',
    bad: [
      { [`${RULES}[0].pool.members[2].portRef`]: { name: 'x' } },
      { [`${RULES}[0].pool.members[2].ipAddress`]: undefined },
    ],
  },
]
