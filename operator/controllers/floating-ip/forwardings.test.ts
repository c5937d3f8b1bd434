// SPDX-License-Identifier: Apache-2.0
// Ports of one address lead to several machines: those that can, whatever the others lack.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { FloatingIP, Instance, Router } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { reconcileFloatingIP } from './reconcile.ts'

let w: OutsideWorld
const PUBLIC = { networkRef: { name: 'public', namespace: 'admin' } }
type Forwardings = NonNullable<FloatingIP['spec']['portForwardings']>
const floating = (spec: Partial<FloatingIP['spec']>, name = 'web') => stored<FloatingIP>(name, { ...PUBLIC, ...spec })
const to = (name: string, externalPort: number, more: Partial<Forwardings[number]> = {}): Forwardings[number] => ({
  ...{ protocol: 'tcp', externalPort, portRef: { name }, ...more },
})
async function step(floatingIP: FloatingIP): Promise<Outcome> {
  const outcome = await reconcileFloatingIP(floatingIP, w.deps, w.run)
  w.put('floatingIPs', structuredClone(floatingIP))
  return outcome
}
const made = (uid = 'uid-web') => w.network.rows.of('PortForwarding').get(uid)
const message = (text: string): unknown => expect.stringContaining(text)
const router = (name: string, ...subnets: string[]) =>
  stored<Router>(name, {
    interfaces: subnets.map((subnet) => ({ subnetRef: { name: subnet } })),
    externalGateway: PUBLIC,
  })

beforeEach(async () => {
  w = outsideWorld()
  await w.step(router('r', 'lan'))
  w.port('one', '10.0.0.11')
  w.port('two', '10.0.0.12')
})

test('each leads to its own machine, and the status says where', async () => {
  const range = { protocol: 'udp', externalEndPort: 5009, internalPort: 6000 } as const
  const web = floating({
    portForwardings: [to('one', 2222, { internalPort: 22 }), to('two', 5000, range), to('two', 80)],
  })
  expect(await step(web)).toEqual({ kind: 'done' })
  expect(made()).toMatchObject({
    ...{ routerUid: 'uid-r', externalAddress: '203.0.113.3', networkUids: ['uid-lan'] },
    forwardings: [
      { protocol: 'tcp', externalPort: 2222, internalPort: 22, count: 1, fixedAddress: '10.0.0.11' },
      { protocol: 'udp', externalPort: 5000, internalPort: 6000, count: 10, fixedAddress: '10.0.0.12' },
      { protocol: 'tcp', externalPort: 80, internalPort: 80, count: 1, fixedAddress: '10.0.0.12' },
    ],
  })
  const two = { fixedIPAddress: '10.0.0.12', port: 'two', portUID: 'uid-two' }
  expect(web.status).toEqual({
    ...{ state: 'ACTIVE', ipAddress: '203.0.113.3', subnet: 'public', networkUID: 'uid-public' },
    ...{ router: 'ns/r', routerUID: 'uid-r', distributed: false },
    portForwardings: [
      { protocol: 'tcp', externalPort: 2222, fixedIPAddress: '10.0.0.11', port: 'one', portUID: 'uid-one' },
      { protocol: 'udp', externalPort: 5000, ...two },
      { protocol: 'tcp', externalPort: 80, ...two },
    ],
  })
})

test('to a machine it is its first interface that leads to the network', async () => {
  w.put(
    'instances',
    stored<Instance>('vm', {
      flavorRef: { name: 'f' },
      imageRef: { name: 'i' },
      networks: [{ portRef: { name: 'two' } }],
    }),
  )
  const web = floating({ portForwardings: [{ protocol: 'tcp', externalPort: 22, instanceRef: { name: 'vm' } }] })
  expect(await step(web)).toEqual({ kind: 'done' })
  expect(made()?.forwardings).toMatchObject([{ fixedAddress: '10.0.0.12' }])
})

describe('what one lacks is said, and the others lead on', () => {
  const oneAnd = (other: Forwardings[number]) => floating({ portForwardings: [to('one', 22), other] })
  test.each<[string, () => void, Forwardings[number], string, string]>([
    [
      'no port',
      () => undefined,
      to('late', 80),
      'PortNotFound',
      'tcp 80: Port ns/late in spec.portForwardings[1].portRef',
    ],
    [
      'an address that the port lacks',
      () => undefined,
      to('two', 80, { externalEndPort: 89, fixedIPAddress: '10.0.0.9' }),
      'AddressNotOnPort',
      'tcp 80-89: spec.portForwardings[1].fixedIPAddress 10.0.0.9',
    ],
    [
      'no router',
      () => w.subnet('side', 'lan', '10.9.0.0/24') && w.port('far', '10.9.0.5', { subnet: 'side' }),
      to('far', 80),
      'NotRouted',
      'no Router leads from Subnet side',
    ],
  ])('%s', async (_, prepare, other, reason, text) => {
    prepare()
    const web = oneAnd(other)
    expect(await step(web)).toMatchObject({ kind: 'wait', reason, message: message(text) })
    expect(made()?.forwardings).toMatchObject([{ externalPort: 22 }])
    expect(web.status).toMatchObject({
      state: 'ACTIVE',
      portForwardings: [{ port: 'one' }, { externalPort: 80, reason }],
    })
  })
  test('another router: two would take the address from each other', async () => {
    w.subnet('side', 'lan', '10.9.0.0/24')
    await w.step(router('s', 'side'))
    w.port('far', '10.9.0.5', { subnet: 'side' })
    const web = oneAnd(to('far', 80))
    expect(await step(web)).toMatchObject({
      reason: 'NotRouted',
      message: message('Router ns/s, and others through Router ns/r'),
    })
    // Whatever the order, the router that has the address keeps it.
    web.spec.portForwardings?.reverse()
    await step(web)
    expect([made()?.routerUid, web.status?.router]).toEqual(['uid-r', 'ns/r'])
  })
  test('all of them: it leads nowhere', async () => {
    const web = floating({ portForwardings: [to('one', 22)] })
    await step(web)
    w.drop('ports', w.deps.caches.ports.find('ns', 'one')!)
    expect(await step(web)).toMatchObject({ reason: 'PortNotFound' })
    expect(web.status).toEqual({
      ...{ state: 'DOWN', ipAddress: '203.0.113.3', subnet: 'public', networkUID: 'uid-public' },
      portForwardings: [{ protocol: 'tcp', externalPort: 22, reason: 'PortNotFound' }],
    })
    expect(made()).toBeUndefined()
  })
})

test('live: from a whole address to ports of it and back, and nothing of the other is left', async () => {
  const web = floating({ portRef: { name: 'one' } })
  const whole = () => w.network.rows.of('FloatingIP').get('uid-web')
  await step(web)
  const { portRef, ...rest } = web.spec
  web.spec = { ...rest, portForwardings: [to('two', 22)] }
  expect(await step(web)).toEqual({ kind: 'done' })
  expect([whole(), made()?.forwardings.length, web.status?.portUID]).toEqual([undefined, 1, undefined])
  web.spec = { ...rest, ...(portRef ? { portRef } : {}) }
  await step(web)
  expect([whole()?.fixedAddress, made(), web.status?.portForwardings]).toEqual(['10.0.0.11', undefined, undefined])
  web.spec = { ...rest, portForwardings: [to('two', 22)] }
  await step(web)
  web.spec = rest
  expect(await step(web)).toEqual({ kind: 'done' })
  expect([whole(), made(), web.status?.state]).toEqual([undefined, undefined, 'DOWN'])
})

describe('an address of a machine', () => {
  const ports = () => floating({ portForwardings: [to('one', 22)] }, 'ports')
  const whole = () => floating({ portRef: { name: 'one' } }, 'whole')
  test('that has a whole floating IP gets no forwarded ports: the answers would leave under it', async () => {
    await step(whole())
    expect(await step(ports())).toMatchObject({
      reason: 'FixedIPInUse',
      message: message('FloatingIP whole of the same Network leads'),
    })
    expect(made('uid-ports')).toBeUndefined()
  })
  test('that has forwarded ports gets no whole floating IP', async () => {
    await step(ports())
    expect(await step(whole())).toMatchObject({
      reason: 'FixedIPInUse',
      message: message('FloatingIP ports of the same Network forwards'),
    })
  })
  test('gets forwarded ports of several', async () => {
    await step(ports())
    expect(await step(floating({ portForwardings: [to('one', 80)] }, 'more'))).toEqual({ kind: 'done' })
  })
})

test('the router that forwards stays until nothing is forwarded', async () => {
  const web = floating({ portForwardings: [to('one', 22)] })
  await step(web)
  const going = structuredClone(w.deps.caches.routers.find('ns', 'r') as Router)
  going.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
  expect(await w.step(going)).toMatchObject({ reason: 'InUse', message: message('FloatingIP ns/web') })
  expect(await step(web)).toEqual({ kind: 'done' })
  web.spec.portForwardings = []
  await step(web)
  expect(await w.step(going)).toEqual({ kind: 'released' })
})
