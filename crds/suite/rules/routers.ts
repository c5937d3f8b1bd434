// SPDX-License-Identifier: Apache-2.0
import { CIDRS } from './values.ts'
import { type RuleCase } from './rule-case.ts'

export const ROUTER: RuleCase[] = [
  {
    kind: 'Router',
    path: 'spec',
    says: 'write each Subnet and each Port once in interfaces',
    bad: {
      'spec.interfaces': [{ subnetRef: { name: 'v4' } }, { subnetRef: { name: 'b' } }, { subnetRef: { name: 'v4' } }],
    },
    good: [
      { 'spec.interfaces': [{ subnetRef: { name: 'v4' } }, { subnetRef: { name: 'b' } }] },
      { 'spec.interfaces': [] },
      { 'spec.interfaces': [{ subnetRef: { name: 'v4' } }, { subnetRef: { name: 'v4', namespace: 'team-b' } }] },
    ],
  },
  {
    kind: 'Router',
    path: 'spec.interfaces[]',
    says: 'write either subnetRef or portRef',
    bad: [
      { 'spec.interfaces': [{}] },
      { 'spec.interfaces': [{ subnetRef: { name: 'v4' }, portRef: { name: 'eth' } }] },
    ],
    good: [{ 'spec.interfaces': [{ portRef: { name: 'eth' } }] }],
  },
  {
    kind: 'Router',
    path: 'spec.routes[]',
    says: 'write a nextHop of the same family',
    bad: [{ 'spec.routes[0].nextHop': 'fd00::9' }, { 'spec.routes[0].destination': '::/0' }],
    good: [{ 'spec.routes[0]': { destination: '::/0', nextHop: 'fd00::9' } }],
  },
  {
    kind: 'Router',
    path: 'spec.routes[].destination',
    says: 'write a range in CIDR form',
    bad: CIDRS.map((cidr) => ({ 'spec.routes[0].destination': cidr })),
    good: [{ 'spec.routes[0].destination': '0.0.0.0/0' }],
  },
]
