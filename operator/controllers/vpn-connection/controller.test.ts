// SPDX-License-Identifier: Apache-2.0
// Who wakes a VPNConnection, and what is told when its tunnel comes up or goes down.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Router, Secret, VPNConnection, VPNService } from '../../../lib/api/types.ts'
import { createSealingKey, sealingKeyOf } from '../../../lib/pki/sealed.ts'
import { outsideWorld, type OutsideWorld } from '../../testing/outside-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { vpnConnectionController } from './controller.ts'
import { reconcileVPNConnection } from './reconcile.ts'

const MOST = 64
const uidOfService = { vpnServiceUID: 'uid-vpn' }
/** The first one is the oldest, by its uid. */
const connection = (i: number, meta: object = {}) =>
  stored<VPNConnection>(
    `c${100 + i}`,
    {
      ...{ vpnServiceRef: { name: 'vpn' }, peerAddress: `198.51.100.${i}`, peerCIDRs: [`10.${i}.0.0/24`] },
      preSharedKeySecretRef: { name: 'k' },
    },
    { status: uidOfService, ...meta },
  )
const service = stored<VPNService>(
  'vpn',
  { routerRef: { name: 'r' } },
  { status: { node: 'g1', epoch: 1, routerUID: 'uid-r', externalIP: '203.0.113.9', network: 'admin/public' } },
)
let w: OutsideWorld
beforeEach(() => {
  w = outsideWorld()
  w.put('vpnServices', service)
})

describe('of more of one VPNService than count', () => {
  const total = MOST + 6
  let woken: ReturnType<typeof wokenBy>
  beforeEach(() => {
    for (let i = 1; i <= total; i++) w.put('vpnConnections', connection(i))
    woken = wokenBy(w, vpnConnectionController)
  })

  test('one that changes wakes those that count alone', () => {
    const keys = woken('vpnConnections', connection(total))
    expect(keys).toHaveLength(MOST)
    expect([keys[0], keys.at(-1)]).toEqual(['ns/c101', `ns/c${100 + MOST}`])
  })

  test('one that goes wakes the one that counts now', () => {
    const gone = connection(3)
    w.drop('vpnConnections', gone)
    const keys = woken('vpnConnections', gone)
    expect([keys.length, keys.at(-1)]).toEqual([MOST, `ns/c${101 + MOST}`])
  })

  test('its Router wakes those that count alone', () => {
    expect(woken('routers', stored<Router>('r', {}))).toHaveLength(MOST)
  })

  test('what the others are told of it is nobody’s business but that it counts from now on', () => {
    const [fresh, other] = [
      connection(1, { status: {} }),
      connection(1, { status: { ...uidOfService, state: 'DOWN' } }),
    ]
    expect(woken('vpnConnections', other, connection(1))).toEqual([])
    expect(woken('vpnConnections', other, fresh)).toHaveLength(MOST)
  })
})

describe('its Events', () => {
  const SEALING = createSealingKey()
  const client = {
    find: async () =>
      ({
        metadata: { labels: { 'nephele.dev/vpn-key': 'true' } },
        data: { psk: Buffer.from('sixteen-characters').toString('base64') },
      }) as unknown as Secret,
  } as never
  let one: VPNConnection
  let events: { reason: string; note: string }[]
  const look = async () => {
    const event = ({ reason, note }: { reason: string; note: string }) => void events.push({ reason, note })
    await reconcileVPNConnection(one, w.deps, { ...w.run, client, event })
    return events.splice(0)
  }
  const says = (tunnel: object) =>
    w.report('vpn', service, {
      ...{ node: 'g1', state: 'ready', epoch: 1, facts: { tunnels: [{ uid: one.metadata.uid, ...tunnel }] } as never },
    })
  beforeEach(async () => {
    events = []
    w.node('g1')
    const node = w.deps.caches.computeNodes.find(undefined, 'g1')
    if (!node) throw new Error('g1')
    w.put('computeNodes', { ...node, status: { ...node.status, sealingKey: sealingKeyOf(SEALING) } })
    w.bus.heartbeats.expect(['g1'])
    w.bus.heartbeats.beat('g1', 'boot')
    const router = stored<Router>('r', {
      interfaces: [{ subnetRef: { name: 'lan' } }],
      externalGateway: { networkRef: { name: 'public', namespace: 'admin' } },
    })
    await w.step(router)
    w.put('routers', router)
    one = connection(9)
    w.put('vpnConnections', one)
  })

  test('one when it comes up, one when it goes down, with why, and none between', async () => {
    const asked = { up: false, reason: 'Connecting', message: 'asked' }
    says(asked)
    expect(await look()).toEqual([])
    expect(one.status?.state).toBe('DOWN')
    says({ up: true })
    expect(await look()).toEqual([{ reason: 'TunnelUp', note: 'the tunnel to 198.51.100.9 is up' }])
    expect(await look()).toEqual([])
    says({ up: false, reason: 'PeerNotAnswering', message: 'it is silent' })
    expect(await look()).toEqual([
      { reason: 'TunnelDown', note: 'the tunnel to 198.51.100.9 is down: PeerNotAnswering, it is silent' },
    ])
    says({ up: false, reason: 'NoProposalChosen', message: 'nothing in common' })
    expect(await look()).toEqual([])
    says({ up: true })
    expect(await look()).toMatchObject([{ reason: 'TunnelUp' }])
    one.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'
    expect(await look()).toEqual([])
  })
})
