// SPDX-License-Identifier: Apache-2.0
// What a FirewallPolicy promises: it is there, and goes when no group has its rules.
import { expect, test } from '@jest/globals'
import type { FirewallGroup, FirewallPolicy } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { reconcileFirewallPolicy } from './reconcile.ts'

const policy = (more: object = {}) => stored<FirewallPolicy>('web', { rules: [{ action: 'allow' }] }, more)

test('it is there at once', () => {
  const made = policy()
  expect(reconcileFirewallPolicy(made, memoryWorld().deps)).toEqual({ kind: 'done' })
  expect(made.status).toEqual({ state: 'ACTIVE' })
})

test('a group that has its rules holds it', () => {
  const w = memoryWorld()
  const going = policy({ deleted: true })
  const ingressPolicies = [{ policy: 'ns/web', policyUID: 'uid-web' }]
  w.put('firewallGroups', stored<FirewallGroup>('edge', { ports: [] }, { status: { ingressPolicies } }))
  expect(reconcileFirewallPolicy(going, w.deps)).toMatchObject({ kind: 'wait', reason: 'InUse' })
  expect(reconcileFirewallPolicy(going, memoryWorld().deps)).toEqual({ kind: 'released' })
  expect(going.status).toEqual({ state: 'DELETING' })
})
