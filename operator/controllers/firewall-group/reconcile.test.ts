// SPDX-License-Identifier: Apache-2.0
// Where a FirewallGroup stands, and that it stays as it was when it cannot be what it should.
import { beforeEach, expect, test } from '@jest/globals'
import type { FirewallGroup, FirewallPolicy, Router } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileFirewallGroup } from './reconcile.ts'

let w: MemoryWorld
const leg = (subnet: string) => ({ subnet, subnetUID: `uid-${subnet}`, ipAddress: '10.0.0.1', prefixLength: 24 })
const router = (name: string, ...subnets: string[]) =>
  stored<Router>(name, {}, { status: { interfaces: subnets.map(leg) } })
const groupOf = (spec: Partial<FirewallGroup['spec']> = {}, name = 'edge', more: object = {}) =>
  stored<FirewallGroup>(
    name,
    { ports: [{ routerRef: { name: 'r' } }], ingress: { policyRefs: [{ name: 'web' }] }, ...spec },
    more,
  )
const made = (uid = 'uid-edge') => w.network.rows.of('FirewallGroup').get(uid)
async function step(group: FirewallGroup): Promise<Outcome> {
  const outcome = await reconcileFirewallGroup(group, w.deps, w.run)
  w.put('firewallGroups', group)
  return outcome
}

beforeEach(async () => {
  w = memoryWorld()
  w.put('routers', router('r', 'front', 'back'))
  await w.deps.network.ensure(
    { kind: 'Router', uid: 'uid-r', namespace: 'ns', name: 'r', generation: 1, interfaces: [], ports: [], routes: [] },
    w.run.signal,
  )
  w.put('firewallPolicies', stored<FirewallPolicy>('web', { rules: [{ action: 'allow', etherType: 'IPv4' }] }))
  w.put('firewallPolicies', stored<FirewallPolicy>('base', { rules: [{ action: 'reject', etherType: 'IPv6' }] }))
})

test('it stands at all ports of a router, and at those that come', async () => {
  const group = groupOf()
  expect(await step(group)).toEqual({ kind: 'done' })
  expect(made()?.ports.map(({ subnetUid }) => subnetUid)).toEqual(['uid-front', 'uid-back'])
  expect(group.status).toMatchObject({ state: 'ACTIVE', ports: [{ router: 'r', subnet: 'front' }, { subnet: 'back' }] })
  w.put('routers', router('r', 'back', 'third'))
  await step(group)
  expect(made()?.ports.map(({ subnetUid }) => subnetUid)).toEqual(['uid-back', 'uid-third'])
})

test('policies of a direction follow each other; without the direction everything passes', async () => {
  await step(groupOf({ ingress: { policyRefs: [{ name: 'base' }, { name: 'web' }] } }))
  expect(made()?.ingress?.map(({ action }) => action)).toEqual(['reject', 'allow'])
  expect(made()).not.toHaveProperty('egress')
  await step(groupOf({ egress: { policyRefs: [] } }))
  expect(made()?.egress).toEqual([])
})

test('of a router it stands at the port of one subnet, or says that there is none', async () => {
  const ports = (name: string) => [{ routerRef: { name: 'r' }, subnetRef: { name } }]
  expect(await step(groupOf({ ports: ports('back') }))).toEqual({ kind: 'done' })
  expect(made()?.ports).toMatchObject([{ routerUid: 'uid-r', subnetUid: 'uid-back', address: '10.0.0.1' }])
  const elsewhere = groupOf({ ports: ports('attic') })
  expect(await step(elsewhere)).toMatchObject({ kind: 'wait', reason: 'SubnetNotRouted' })
  expect(elsewhere.status).toEqual({ state: 'INACTIVE', ports: [], policyUIDs: ['uid-web'] })
})

test('with a policy that is missing it stays as it was', async () => {
  const group = groupOf()
  await step(group)
  const before = made()
  group.spec.ingress = { policyRefs: [{ name: 'web' }, { name: 'typo' }] }
  expect(await step(group)).toMatchObject({
    ...{ kind: 'wait', reason: 'FirewallPolicyNotFound' },
    message: expect.stringContaining('ns/typo in spec.ingress.policyRefs[1]'),
  })
  expect(made()).toBe(before)
})

test('a router that is missing keeps no other from being guarded', async () => {
  const group = groupOf({ ports: [{ routerRef: { name: 'gone' } }, { routerRef: { name: 'r' } }] })
  expect(await step(group)).toMatchObject({ kind: 'wait', reason: 'RouterNotFound' })
  expect(made()?.ports).toHaveLength(2)
})

test('a port has one group: who is there keeps it', async () => {
  await step(groupOf())
  const second = groupOf({}, 'second')
  expect(await step(second)).toMatchObject({
    kind: 'wait',
    reason: 'RouterPortInUse',
    message: expect.stringContaining('ns/edge'),
  })
  expect(made('uid-second')?.ports).toEqual([])
  expect(await step(groupOf({}, 'edge', { status: w.deps.caches.firewallGroups.find('ns', 'edge')?.status }))).toEqual({
    kind: 'done',
  })
})

test('a policy of another namespace has to be shared, and stays granted', async () => {
  const shared = (namespaces: { namespace: string }[]) =>
    w.put(
      'firewallPolicies',
      stored<FirewallPolicy>('base', { rules: [], sharedWith: namespaces }, { namespace: 'infra' }),
    )
  const group = groupOf({ ingress: { policyRefs: [{ namespace: 'infra', name: 'base' }] } })
  shared([])
  expect(await step(group)).toMatchObject({ reason: 'FirewallPolicyNotFound' })
  shared([{ namespace: 'ns' }])
  expect(await step(group)).toEqual({ kind: 'done' })
  shared([])
  expect(await step(group)).toEqual({ kind: 'done' })
})

test('one that stands is not granted a foreign policy, and does not hold it', async () => {
  const group = groupOf()
  await step(group)
  const secret = stored<FirewallPolicy>('secret', { rules: [] }, { namespace: 'infra' })
  w.put('firewallPolicies', secret)
  group.spec.ingress = { policyRefs: [{ namespace: 'infra', name: 'secret' }] }
  expect(await step(group)).toMatchObject({ reason: 'FirewallPolicyNotFound' })
  expect(waitForHolders('firewallPolicies', secret, w.deps.caches)).toBeUndefined()
})

test('a group made anew of the rules that it has holds them, whatever its spec says of others', async () => {
  const group = groupOf()
  await step(group)
  const web = w.deps.caches.firewallPolicies.find('ns', 'web')
  expect(web && waitForHolders('firewallPolicies', web, w.deps.caches)).toMatchObject({ reason: 'InUse' })
})

test('it goes with its rules', async () => {
  await step(groupOf())
  const going = groupOf({}, 'edge', { deleted: true })
  expect(await step(going)).toEqual({ kind: 'released' })
  expect(going.status?.state).toBe('DELETING')
  expect(made()).toBeUndefined()
})
