// SPDX-License-Identifier: Apache-2.0
// A FloatingIP that leads to a LoadBalancer: the balancer answers at its address, and nobody translates.
import { beforeEach, expect, test } from '@jest/globals'
import type { FloatingIP, LoadBalancer, Router } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { stored } from '../../testing/memory-deps.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { reconcileLoadBalancer } from '../load-balancer/reconcile.ts'
import { reconcileFloatingIP } from './reconcile.ts'

let w: OutsideWorld
const PUBLIC = { networkRef: { name: 'public', namespace: 'admin' } }
const floating = (spec: Partial<FloatingIP['spec']> = { loadBalancerRef: { name: 'shop' } }) =>
  stored<FloatingIP>('web', { ...PUBLIC, ...spec })
const shop = stored<LoadBalancer>('shop', {
  vip: { subnetRef: { name: 'lan' } },
  listeners: [{ name: 'http', protocol: 'tcp', port: 80 }],
})
async function step(floatingIP: FloatingIP): Promise<Outcome> {
  const outcome = await reconcileFloatingIP(floatingIP, w.deps, w.run)
  w.put('floatingIPs', floatingIP)
  return outcome
}
async function balance(): Promise<readonly string[]> {
  await reconcileLoadBalancer(shop, w.deps, w.run)
  w.put('loadBalancers', shop)
  const { addresses = [], externalAddresses = [] } = w.network.rows.of('LoadBalancer').get('uid-shop') ?? {}
  return [...addresses, ...externalAddresses]
}

beforeEach(async () => {
  w = outsideWorld()
  await w.step(stored<Router>('r', { interfaces: [{ subnetRef: { name: 'lan' } }], externalGateway: PUBLIC }))
  w.port('eth', '10.0.0.11')
})

test('the balancer has the address as long as it leads there', async () => {
  const [vip] = await balance()
  const web = floating()
  expect(await step(web)).toEqual({ kind: 'done' })
  expect(web.status).toMatchObject({ state: 'ACTIVE', loadBalancerUID: 'uid-shop', router: 'ns/r', distributed: false })
  expect(w.network.rows.of('FloatingIP').size).toBe(0)
  expect(await balance()).toEqual([vip, web.status?.ipAddress])

  web.spec = { ...PUBLIC, portRef: { name: 'eth' } }
  expect(await step(web)).toEqual({ kind: 'done' })
  expect(web.status).not.toHaveProperty('loadBalancerUID')
  expect(w.network.rows.of('FloatingIP').size).toBe(1)
  expect(await balance()).toEqual([vip])

  web.spec = { ...PUBLIC, loadBalancerRef: { name: 'shop' } }
  await step(web)
  expect(w.network.rows.of('FloatingIP').size).toBe(0)
  expect(web.status).not.toHaveProperty('portUID')
  web.spec = PUBLIC
  await step(web)
  expect(web.status).not.toHaveProperty('loadBalancerUID')
})

test('what is missing on the way is said', async () => {
  const web = floating()
  expect(await step(web)).toMatchObject({ reason: 'LoadBalancerNotFound' })
  w.put('loadBalancers', stored<LoadBalancer>('shop', shop.spec))
  expect(await step(web)).toMatchObject({ reason: 'LoadBalancerNotReady' })
  const status = { vipAddress: 'fd00::5', routerUID: 'uid-r' }
  w.put('loadBalancers', stored<LoadBalancer>('shop', shop.spec, { status }))
  expect(await step(web)).toMatchObject({ reason: 'IPFamilyMismatch' })
  w.put(
    'loadBalancers',
    stored<LoadBalancer>('shop', shop.spec, { status: { ...status, vipAddress: '10.0.0.5', routerUID: 'uid-other' } }),
  )
  expect(await step(web)).toMatchObject({ reason: 'NotRouted' })
})
