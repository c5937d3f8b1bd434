// SPDX-License-Identifier: Apache-2.0
import { changed, type RuleCase } from './rule-case.ts'

export const REACHABILITY: RuleCase[] = [
  changed('Reachability', 'spec', 'a question cannot change', [
    { 'spec.port': 5433 },
    { 'spec.destination': { ipAddress: '10.0.0.9' } },
    { 'spec.ttlSecondsAfterFinished': undefined },
  ]),
  {
    ...{ kind: 'Reachability', path: 'spec', says: 'write the port that is asked for' },
    bad: [
      { 'spec.port': undefined, 'spec.sourcePort': undefined },
      { 'spec.protocol': 'icmp', 'spec.sourcePort': undefined },
    ],
    good: [{ 'spec.protocol': 'icmp', 'spec.port': undefined, 'spec.sourcePort': undefined }],
  },
  {
    ...{ kind: 'Reachability', path: 'spec', says: 'only tcp, udp and sctp have ports', sample: 2 },
    bad: { 'spec.sourcePort': 50_000 },
  },
  {
    ...{ kind: 'Reachability', path: 'spec', says: 'a probe is sent with protocol tcp, udp or icmp' },
    bad: { 'spec.protocol': 'sctp' },
    good: [{ 'spec.protocol': 'udp' }, { 'spec.protocol': 'sctp', 'spec.verify': false }],
  },
  {
    ...{ kind: 'Reachability', path: 'spec', says: 'are of two families', sample: 1 },
    bad: { 'spec.destination': { ipAddress: 'fd00::9' } },
    good: [{ 'spec.destination': { ipAddress: '203.0.113.20' } }],
  },
  {
    ...{ kind: 'Reachability', path: 'spec.source', says: 'for the outside, networkRef' },
    bad: [{ 'spec.source': {} }, { 'spec.source.instanceRef': { name: 'web' } }],
    good: [{ 'spec.source': { instanceRef: { name: 'web' } } }],
  },
  {
    ...{ kind: 'Reachability', path: 'spec.source', says: 'ipAddress is of a sender outside' },
    bad: { 'spec.source.ipAddress': '10.0.0.5' },
  },
  {
    ...{ kind: 'Reachability', path: 'spec.destination', says: 'write one of instanceRef, portRef and ipAddress' },
    bad: [{ 'spec.destination': {} }, { 'spec.destination.ipAddress': '10.0.0.5' }],
    good: [{ 'spec.destination': { ipAddress: '10.0.0.5' } }],
  },
]
