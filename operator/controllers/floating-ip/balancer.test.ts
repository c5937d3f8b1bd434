// SPDX-License-Identifier: Apache-2.0
// A FloatingIP that leads to a LoadBalancer: the balancer answers at its address, and nobody translates.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { FloatingIP, LoadBalancer, Router } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { stored } from '../../testing/memory-deps.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'
import { wokenBy } from '../../testing/woken.ts'
import { reconcileLoadBalancer } from '../load-balancer/reconcile.ts'
import { floatingIPController } from './controller.ts'
import { reconcileFloatingIP } from './reconcile.ts'

let w: OutsideWorld
const PUBLIC = { networkRef: { name: 'public', namespace: 'admin' } }
const floating = (spec: Partial<FloatingIP['spec']> = { loadBalancerRef: { name: 'shop' } }) =>
  stored<FloatingIP>('web', { ...PUBLIC, ...spec })
let shop: LoadBalancer
const makeShop = () =>
  stored<LoadBalancer>('shop', {
    vip: { subnetRef: { name: 'lan' } },
    listeners: [{ name: 'http', protocol: 'tcp', port: 80 }],
  })
async function step(floatingIP: FloatingIP): Promise<Outcome> {
  const outcome = await reconcileFloatingIP(floatingIP, w.deps, w.run)
  w.put('floatingIPs', floatingIP)
  return outcome
}
async function balance(): Promise<readonly string[]> {
  const outcome = await reconcileLoadBalancer(shop, w.deps, w.run)
  w.put('loadBalancers', shop)
  if (outcome.kind === 'saved') return balance()
  const { addresses = [], externalAddresses = [] } = w.network.rows.of('LoadBalancer').get('uid-shop') ?? {}
  return [...addresses, ...externalAddresses]
}

beforeEach(async () => {
  w = outsideWorld()
  shop = makeShop()
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
  expect(await step(web)).toMatchObject({ reason: 'Releasing' })
  expect(w.network.rows.of('FloatingIP').size).toBe(0)
  expect(await balance()).toEqual([vip])
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

describe('nobody else has the address while the balancer answers there', () => {
  const heldBy = ({ metadata: { namespace = '', name, uid } }: FloatingIP) =>
    w.deps.addresses.listHeld({ kind: 'FloatingIP', namespace, name, uid }).length
  let web: FloatingIP
  let vip: string | undefined
  beforeEach(async () => {
    vip = (await balance())[0]
    web = floating()
    await step(web)
    await balance()
    expect(shop.status?.externalAddresses).toEqual([web.status?.ipAddress])
  })
  const remove = () => {
    web.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    return step(web)
  }

  test('it says so before it answers', async () => {
    await w.network.remove('LoadBalancer', shop.metadata.uid)
    delete shop.status?.externalAddresses
    expect(await reconcileLoadBalancer(shop, w.deps, w.run)).toEqual({ kind: 'saved' })
    expect(w.network.rows.of('LoadBalancer').size).toBe(0)
    expect(shop.status?.externalAddresses).toEqual([web.status?.ipAddress])
  })

  test('one that is deleted', async () => {
    expect(await remove()).toMatchObject({ reason: 'Releasing' })
    expect(heldBy(web)).toBe(1)
    w.network.failNext(new Error('OVN is away'))
    await expect(balance()).rejects.toThrow('away')
    w.put('loadBalancers', shop)
    expect(await remove()).toMatchObject({ reason: 'Releasing' })
    expect(await balance()).toEqual([vip])
    expect(await remove()).toEqual({ kind: 'released' })
    expect(heldBy(web)).toBe(0)
  })

  test('one that is deleted when its balancer is gone', async () => {
    w.drop('loadBalancers', shop)
    expect(await remove()).toEqual({ kind: 'released' })
  })

  test('one that lost its way first', async () => {
    await w.step(stored<Router>('r', { interfaces: [{ subnetRef: { name: 'lan' } }] }))
    expect(await step(web)).toMatchObject({ reason: 'NotRouted' })
    expect(await remove()).toMatchObject({ reason: 'Releasing' })
    expect(await balance()).toEqual([vip])
    expect(await remove()).toEqual({ kind: 'released' })
  })

  test('it wakes the one that waits', async () => {
    await remove()
    const woken = wokenBy(w, floatingIPController)
    await balance()
    expect(woken('loadBalancers', shop)).toContain('ns/web')
  })
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

test.each([false, true])('both loops together let the address go; runs interleaved: %s', async (isInterleaved) => {
  const c = await QuietCloud.furnished()
  c.operator.isInterleaved = isInterleaved
  c.addNode('g1', {}, {}, { 'nephele.dev/network': 'gateway' })
  const outside = { networkRef: { name: 'public' } }
  c.make('networks', 'public', { external: true })
  c.subnet('public', { ...outside, cidr: '203.0.113.0/29', dhcp: { enabled: false } })
  c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }], externalGateway: outside })
  c.make('loadBalancers', 'shop', { ...shop.spec, vip: { subnetRef: { name: 'lan-v4' } } })
  c.make('floatingIPs', 'out', { ...outside, loadBalancerRef: { name: 'shop' } })
  await c.operator.rest()
  const answered = () => (c.operator.get('loadBalancers', ns('shop')) as LoadBalancer).status?.externalAddresses
  expect(answered()).toHaveLength(1)
  c.operator.remove('floatingIPs', ns('out'))
  await c.operator.rest()
  expect(c.operator.reason('floatingIPs', ns('out'))).toBe('gone')
  expect(answered()).toBeUndefined()
})
