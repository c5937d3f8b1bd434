// SPDX-License-Identifier: Apache-2.0
// Where a FirewallGroup stands, and that it stays as it was when it cannot be what it should.
import { beforeEach, expect, test } from '@jest/globals'
import type { FirewallGroup, FirewallPolicy, Port, Router, Subnet } from '../../../lib/api/types.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { firewallGroupController } from './controller.ts'
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
  expect(made()?.ports.map(({ legUid }) => legUid)).toEqual(['uid-front', 'uid-back'])
  expect(group.status).toMatchObject({ state: 'ACTIVE', ports: [{ router: 'r', subnet: 'front' }, { subnet: 'back' }] })
  w.put('routers', router('r', 'back', 'third'))
  await step(group)
  expect(made()?.ports.map(({ legUid }) => legUid)).toEqual(['uid-back', 'uid-third'])
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
  expect(made()?.ports).toMatchObject([{ routerUid: 'uid-r', legUid: 'uid-back', addresses: ['10.0.0.1'] }])
  const elsewhere = groupOf({ ports: ports('attic') })
  expect(await step(elsewhere)).toMatchObject({ kind: 'wait', reason: 'SubnetNotRouted' })
  expect(elsewhere.status).toEqual({
    ...{ state: 'INACTIVE', ports: [] },
    ingressPolicies: [{ policy: 'ns/web', policyUID: 'uid-web' }],
  })
})

const holdersOf = (name: string) => {
  const policy = w.deps.caches.firewallPolicies.find('ns', name)
  return policy && waitForHolders('firewallPolicies', policy, w.deps.caches)
}

test('with a policy that is missing it stays as it was: rules that are lost come back, at new ports too', async () => {
  const group = groupOf()
  await step(group)
  const before = made()?.ingress
  group.spec = {
    ...group.spec,
    ingress: { policyRefs: [{ name: 'base' }, { name: 'typo' }] },
    egress: { policyRefs: [] },
  }
  w.network.lose('FirewallGroup', 'uid-edge')
  w.put('routers', router('r', 'front', 'back', 'third'))
  expect(await step(group)).toMatchObject({
    ...{ kind: 'wait', reason: 'FirewallPolicyNotFound' },
    message: expect.stringContaining('ns/typo in spec.ingress.policyRefs[1]'),
  })
  expect(made()?.ingress).toEqual(before)
  expect(made()).not.toHaveProperty('egress')
  expect(made()?.ports).toHaveLength(3)
  expect(holdersOf('web')).toMatchObject({ reason: 'InUse' })
  expect(holdersOf('base')).toBeUndefined()
  group.spec.ingress = { policyRefs: [{ name: 'base' }] }
  expect(await step(group)).toEqual({ kind: 'done' })
  expect(made()?.ingress?.map(({ action }) => action)).toEqual(['reject'])
  expect(holdersOf('web')).toBeUndefined()
})

test('a new one stands with the policies that it has, and drops the rest, until it has all', async () => {
  const group = groupOf({
    ingress: { policyRefs: [{ name: 'web' }, { name: 'typo' }] },
    egress: { policyRefs: [{ name: 'late' }] },
  })
  const missing = { kind: 'wait', reason: 'FirewallPolicyNotFound' }
  expect(await step(group)).toMatchObject(missing)
  expect(made()).toMatchObject({ ports: [{}, {}], ingress: [{ action: 'allow' }], egress: [] })
  expect(group.status).toMatchObject({ state: 'ACTIVE', incomplete: true })
  w.put('firewallPolicies', stored<FirewallPolicy>('late', { rules: [{ action: 'deny', etherType: 'IPv4' }] }))
  expect(await step(group)).toMatchObject(missing)
  expect(made()?.egress).toMatchObject([{ action: 'deny' }])
  w.put('firewallPolicies', stored<FirewallPolicy>('typo', { rules: [] }))
  expect(await step(group)).toEqual({ kind: 'done' })
  expect(group.status).not.toHaveProperty('incomplete')
})

test('a new one has no policy beyond one that is missing: that one may deny what the later ones allow', async () => {
  const group = groupOf({ ingress: { policyRefs: [{ name: 'base' }, { name: 'deny-list' }, { name: 'web' }] } })
  expect(await step(group)).toMatchObject({ reason: 'FirewallPolicyNotFound' })
  expect(made()?.ingress?.map(({ action }) => action)).toEqual(['reject'])
  w.put('firewallPolicies', stored<FirewallPolicy>('deny-list', { rules: [{ action: 'deny', etherType: 'IPv4' }] }))
  expect(await step(group)).toEqual({ kind: 'done' })
  expect(made()?.ingress?.map(({ action }) => action)).toEqual(['reject', 'deny', 'allow'])
})

test('one that loses a policy of its past by force stands with what its spec names', async () => {
  const group = groupOf()
  await step(group)
  w.drop('firewallPolicies', stored<FirewallPolicy>('web', {}))
  group.spec.ingress = { policyRefs: [{ name: 'base' }, { name: 'typo' }] }
  expect(await step(group)).toMatchObject({ reason: 'FirewallPolicyNotFound' })
  expect(made()?.ingress).toMatchObject([{ action: 'reject' }])
})

test('it stands where a router has the addresses of a Port, also by the Subnet of that one', async () => {
  const fixedIPs = [{ subnetUID: 'uid-lan', ipAddress: '10.7.0.9' }]
  const status = { interfaces: [leg('front')], ports: [{ name: 'p', uid: 'uid-p', fixedIPs }] }
  w.put('routers', stored<Router>('r', {}, { status }))
  w.put('subnets', stored<Subnet>('lan', { networkRef: { name: 'lan' }, cidr: '10.7.0.0/24' }, { namespace: 'infra' }))
  w.put('ports', stored<Port>('p', { networkRef: { name: 'lan' } }))
  await step(groupOf())
  expect(made()?.ports).toHaveLength(1)
  w.put('ports', stored<Port>('p', { networkRef: { name: 'lan' } }, { status: { macAddress: 'fa:16:3e:00:00:09' } }))
  expect(wokenBy(w, firewallGroupController)('ports', stored<Port>('p', { networkRef: { name: 'lan' } }))).toEqual([
    'ns/edge',
  ])
  const group = groupOf()
  expect(await step(group)).toEqual({ kind: 'done' })
  const there = { routerUid: 'uid-r', legUid: 'uid-p', mac: 'fa:16:3e:00:00:09', addresses: ['10.7.0.9'] }
  expect(made()?.ports[1]).toEqual(there)
  expect(group.status?.ports?.[1]).toEqual({ router: 'r', routerUID: 'uid-r', port: 'p', portUID: 'uid-p' })
  const second = groupOf({}, 'second')
  const taken: unknown = expect.stringContaining('with Port p has FirewallGroup ns/edge')
  expect(await step(second)).toMatchObject({ reason: 'RouterPortInUse', message: taken })
  const at = (subnetRef: object) =>
    groupOf({ ports: [{ routerRef: { name: 'r' }, subnetRef: { name: 'lan', ...subnetRef } }] })
  expect(await step(at({}))).toMatchObject({ reason: 'SubnetNotRouted' })
  expect(await step(at({ namespace: 'infra' }))).toEqual({ kind: 'done' })
  expect(made()?.ports).toEqual([there])
})

test('a Subnet of another namespace is named with it', async () => {
  w.put('routers', stored<Router>('r', {}, { status: { interfaces: [{ ...leg('front'), namespace: 'infra' }] } }))
  const at = (subnetRef: { name: string; namespace?: string }) =>
    groupOf({ ports: [{ routerRef: { name: 'r' }, subnetRef }] })
  expect(await step(at({ name: 'front' }))).toMatchObject({ reason: 'SubnetNotRouted' })
  expect(await step(at({ name: 'front', namespace: 'infra' }))).toEqual({ kind: 'done' })
  expect(made()?.ports).toHaveLength(1)
})

test('what it has is recorded even where a part of it has to wait', async () => {
  const group = groupOf()
  w.network.failNext(new TransientError('NetworkNotReady', 'a port is missing'))
  await expect(step(group)).rejects.toThrow('a port is missing')
  expect(group.status).toMatchObject({ state: 'INACTIVE', ports: [{}, {}], ingressPolicies: [{ policy: 'ns/web' }] })
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

test('a group holds the policies whose rules it has', async () => {
  const group = groupOf()
  await step(group)
  expect(holdersOf('web')).toMatchObject({ reason: 'InUse' })
})

test('it goes with its rules', async () => {
  await step(groupOf())
  const going = groupOf({}, 'edge', { deleted: true })
  expect(await step(going)).toEqual({ kind: 'released' })
  expect(going.status?.state).toBe('DELETING')
  expect(made()).toBeUndefined()
})
