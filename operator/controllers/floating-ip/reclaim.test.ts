// SPDX-License-Identifier: Apache-2.0
// With reclaimPolicy Delete a FloatingIP goes with what it leads to, and with nothing else; that waits until it is seen.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'

let c: QuietCloud
const PUBLIC = { networkRef: { name: 'public' } }
beforeEach(async () => {
  c = await QuietCloud.furnished()
  c.addNode('g1', {}, {}, { 'nephele.dev/network': 'gateway' })
  c.make('networks', 'public', { external: true })
  c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/24', dhcp: { enabled: false } })
  c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }], externalGateway: PUBLIC })
  c.vm('vm')
  c.vm('other')
  c.port('eth')
  await c.operator.rest()
})

const web = () => c.operator.world.deps.caches.floatingIPs.find('ns', 'web')
const isThere = (kind: 'instances' | 'ports', name: string) =>
  c.operator.world.deps.caches[kind].find('ns', name) !== undefined
async function leading(spec: object, reclaimPolicy: 'Retain' | 'Delete' = 'Delete'): Promise<void> {
  c.make('floatingIPs', 'web', { ...PUBLIC, reclaimPolicy, ...spec })
  await c.operator.rest()
  expect(web()?.status?.state).toBe('ACTIVE')
}

describe.each([
  ['an Instance', 'instances', 'vm', { instanceRef: { name: 'vm' } }],
  ['a Port', 'ports', 'eth', { portRef: { name: 'eth' } }],
] as const)('one that leads to %s', (_, kind, name, spec) => {
  test('goes with that, and so does its address', async () => {
    await leading(spec)
    c.operator.remove(kind, ns(name))
    await c.operator.rest()
    expect([web(), isThere(kind, name)]).toEqual([undefined, false])
    const claims = c.operator.world.deps.caches.ipClaims.list().flatMap(({ spec }) => spec.claims)
    expect(claims.filter(({ ownerRef }) => ownerRef?.kind === 'FloatingIP')).toEqual([])
  })
  test('stays with Retain', async () => {
    await leading(spec, 'Retain')
    c.operator.remove(kind, ns(name))
    await c.operator.rest()
    expect([web()?.status?.state, isThere(kind, name)]).toEqual(['DOWN', false])
  })
  test('stays when it was told to lead elsewhere before', async () => {
    await leading(spec)
    c.set('floatingIPs', 'web', { instanceRef: { name: 'other' }, portRef: undefined })
    c.operator.remove(kind, ns(name))
    await c.operator.rest()
    expect([web()?.status?.state, isThere(kind, name)]).toEqual(['ACTIVE', false])
  })
  test('stays when that is merely missing, as it is while a backup is restored', async () => {
    await leading(spec)
    c.operator.world.stores[kind].remove(`ns/${name}`, c.uidOf(name, kind))
    await c.operator.rest()
    expect(web()?.status?.state).toBe('DOWN')
  })
})

test('one that never led there is not taken along, and holds nothing', async () => {
  c.operator.remove('routers', ns('r'))
  await c.operator.rest()
  c.make('floatingIPs', 'web', { ...PUBLIC, reclaimPolicy: 'Delete', instanceRef: { name: 'vm' } })
  await c.operator.rest()
  c.operator.remove('instances', ns('vm'))
  await c.operator.rest()
  expect([web()?.status?.state, isThere('instances', 'vm')]).toEqual(['DOWN', false])
})
