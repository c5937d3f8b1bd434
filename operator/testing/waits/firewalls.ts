// SPDX-License-Identifier: Apache-2.0
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { anew, type WaitRow } from './row.ts'

const group: Where = ['firewallGroups', ns('edge')]
const policy: Where = ['firewallPolicies', ns('web')]
const onRouter = { ports: [{ routerRef: { name: 'r' } }] }
const byPolicy = { ...onRouter, ingress: { policyRefs: [{ name: 'web' }] } }
const make = (c: QuietCloud, spec: object = byPolicy, name = 'edge') => c.make('firewallGroups', name, spec)
const rules = (c: QuietCloud) => c.make('firewallPolicies', 'web', { rules: [{ action: 'allow' }] })
const router = (c: QuietCloud, ...names: string[]) =>
  c.make('routers', 'r', { interfaces: names.map((name) => ({ subnetRef: { name } })) })

export const FIREWALL_ROWS: WaitRow[] = [
  {
    reason: 'FirewallPolicyNotFound',
    where: group,
    waits: (c) => {
      router(c, 'lan-v4')
      make(c)
    },
    ends: (c) => rules(c),
  },
  {
    reason: 'FirewallPolicyDeleting',
    where: group,
    waits: (c) => {
      router(c, 'lan-v4')
      c.hold('firewallPolicies', 'web')
      make(c)
    },
    ends: anew('firewallPolicies', 'web', (c) => rules(c)),
  },
  {
    reason: 'RouterNotFound',
    where: group,
    waits: (c) => {
      rules(c)
      make(c)
    },
    ends: (c) => router(c, 'lan-v4'),
  },
  {
    reason: 'SubnetNotRouted',
    where: group,
    waits: (c) => {
      rules(c)
      router(c)
      make(c, { ...byPolicy, ports: [{ routerRef: { name: 'r' }, subnetRef: { name: 'lan-v4' } }] })
    },
    ends: (c) => c.set('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }] }),
  },
  ...(['goes', 'leaves the port'] as const).map((by): WaitRow => ({
    reason: 'RouterPortInUse',
    by: `the other ${by}`,
    where: group,
    waits: async (c) => {
      rules(c)
      router(c, 'lan-v4')
      make(c, byPolicy, 'first')
      await c.operator.rest()
      make(c)
    },
    ends: (c) =>
      by === 'goes'
        ? c.operator.remove('firewallGroups', ns('first'))
        : c.set('firewallGroups', 'first', { ports: [{ routerRef: { name: 'elsewhere' } }] }),
  })),
  ...(['goes', 'has others'] as const).map((by): WaitRow => ({
    reason: 'InUse',
    by: `the group ${by}`,
    where: policy,
    waits: async (c) => {
      rules(c)
      c.make('firewallPolicies', 'other')
      router(c, 'lan-v4')
      make(c)
      await c.operator.rest()
      c.operator.remove('firewallPolicies', ns('web'))
    },
    ends: (c) =>
      by === 'goes'
        ? c.operator.remove('firewallGroups', ns('edge'))
        : c.set('firewallGroups', 'edge', { ingress: { policyRefs: [{ name: 'other' }] } }),
    next: 'gone',
  })),
]
