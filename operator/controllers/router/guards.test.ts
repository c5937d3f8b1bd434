// SPDX-License-Identifier: Apache-2.0
// A leg that a FirewallGroup names is closed until that stands there, and says so; whoever may end the wait wakes the Router.
import { beforeEach, expect, test } from '@jest/globals'
import type { FirewallGroup, Router } from '../../../lib/api/types.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { reconcileFirewallGroup } from '../firewall-group/reconcile.ts'
import { routerController } from './controller.ts'

let w: OutsideWorld
const joining = (...names: string[]) => ({ interfaces: names.map((name) => ({ subnetRef: { name } })) })
const groupOf = (port: object = {}, more: object = {}) =>
  stored<FirewallGroup>(
    'edge',
    { ports: [{ routerRef: { name: 'r' }, ...port }], ingress: { policyRefs: [] } },
    { ...more },
  )
async function stand(group: FirewallGroup): Promise<void> {
  await reconcileFirewallGroup(group, w.deps, w.run)
  w.put('firewallGroups', group)
}
const guardedLegs = () =>
  w.network.rows
    .of('Router')
    .get('uid-r')
    ?.interfaces.flatMap(({ name, guarded }) => (guarded ? [name] : []))

beforeEach(() => {
  w = outsideWorld()
  w.addNetwork('far')
  w.subnet('far', 'far', '10.0.9.0/24')
})

test('a new leg is written to its status, closed, and waits for the group that names it', async () => {
  w.put('firewallGroups', groupOf())
  const router = stored<Router>('r', joining('lan'))
  expect(await w.step(router)).toEqual({ kind: 'saved' })
  expect(router.status?.interfaces).toMatchObject([{ subnet: 'lan' }])
  const message: unknown = expect.stringContaining('Subnet lan (FirewallGroup ns/edge)')
  expect(await w.step(router)).toMatchObject({ kind: 'wait', reason: 'FirewallPending', message })
  const group = groupOf()
  await stand(group)
  expect(group.status?.state).toBe('ACTIVE')
  expect(wokenBy(w, routerController)('firewallGroups', group)).toEqual(['ns/r'])
  expect(await w.step(router)).toEqual({ kind: 'done' })
})

test('what passes stays open when a group comes later, and the next leg waits', async () => {
  const router = stored<Router>('r', joining('lan'))
  await w.step(router)
  w.put('firewallGroups', groupOf())
  expect(await w.step(router)).toEqual({ kind: 'done' })
  router.spec = joining('lan', 'far')
  await w.step(router)
  expect(await w.step(router)).toMatchObject({ reason: 'FirewallPending' })
  expect(guardedLegs()).toEqual(['lan', 'far'])
})

test.each([
  ['of another Subnet', groupOf({ subnetRef: { name: 'lan' } })],
  ['of another Router', groupOf({ routerRef: { name: 'other' } })],
  ['that is being deleted', groupOf({}, { deleted: true })],
])('a group %s closes nothing', async (_, group) => {
  w.put('firewallGroups', group)
  expect(await w.step(stored<Router>('r', joining('far')))).toEqual({ kind: 'done' })
  expect(guardedLegs()).toEqual([])
})
