// SPDX-License-Identifier: Apache-2.0
import { createSealingKey, sealingKeyOf } from '../../../lib/pki/sealed.ts'
import { saysOf, without } from '../answers.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import type { WaitRow } from './row.ts'

const service: Where = ['vpnServices', ns('vpn')]
const connection: Where = ['vpnConnections', ns('c')]
const PUBLIC = { networkRef: { name: 'public' } }
const legs = (...names: string[]) => ({ interfaces: names.map((name) => ({ subnetRef: { name } })) })
const KEY = sealingKeyOf(createSealingKey())
const gatewayNode = (c: QuietCloud, sealingKey: { sealingKey?: string } = { sealingKey: KEY }) =>
  c.addNode('g1', {}, sealingKey, { 'nephele.dev/network': 'gateway' })
const public_ = (c: QuietCloud) => {
  c.make('networks', 'public', { external: true })
  c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/29', dhcp: { enabled: false } })
}
const router = (c: QuietCloud, spec: object = { ...legs('lan-v4'), externalGateway: PUBLIC }) =>
  c.make('routers', 'r', spec)
const outside = (c: QuietCloud) => {
  gatewayNode(c)
  public_(c)
}
const vpn = (c: QuietCloud, name = 'vpn') => {
  // Secrets are not among what is watched.
  Object.assign(c.operator.world.deps.vpnKeys, { find: async () => ({ key: { preSharedKey: 'sixteen-characters' } }) })
  c.make('vpnServices', name, { routerRef: { name: 'r' } })
}
const site = (c: QuietCloud) => {
  outside(c)
  router(c)
  vpn(c)
}
const tunnel = (c: QuietCloud, name = 'c', spec: object = {}) =>
  c.make('vpnConnections', name, {
    ...{ vpnServiceRef: { name: 'vpn' }, peerAddress: '198.51.100.7', peerCIDRs: ['10.77.0.0/16'] },
    ...{ preSharedKeySecretRef: { name: 'key' }, ...spec },
  })

const SERVICE_ROWS: WaitRow[] = [
  {
    reason: 'ReferenceOverQuota',
    where: service,
    waits: async (c) => {
      outside(c)
      c.make('quotas', 'main', { hard: { routers: 0 } })
      await c.operator.rest()
      router(c)
      await c.operator.rest()
      vpn(c)
    },
    ends: (c) => c.set('quotas', 'main', { hard: {} }),
  },
  {
    reason: 'RouterNotFound',
    where: service,
    waits: (c) => {
      outside(c)
      vpn(c)
    },
    ends: (c) => router(c),
  },
  {
    reason: 'RouterDeleting',
    where: service,
    waits: (c) => {
      outside(c)
      c.hold('routers', 'r')
      vpn(c)
    },
    ends: async (c) => {
      c.drop('routers', 'r')
      await c.operator.rest()
      router(c)
    },
  },
  {
    reason: 'RouterInUse',
    where: service,
    waits: async (c) => {
      outside(c)
      router(c)
      vpn(c, 'first')
      await c.operator.rest()
      vpn(c)
    },
    ends: (c) => c.operator.remove('vpnServices', ns('first')),
  },
  {
    reason: 'RouterNotExternal',
    where: service,
    waits: (c) => {
      outside(c)
      router(c, legs('lan-v4'))
      vpn(c)
    },
    ends: (c) => c.set('routers', 'r', { externalGateway: PUBLIC }),
  },
  {
    reason: 'NoGatewayNode',
    where: service,
    waits: (c) => {
      public_(c)
      router(c)
      vpn(c)
    },
    ends: (c) => gatewayNode(c),
  },
  {
    reason: 'SealingKeyMissing',
    where: service,
    waits: (c) => {
      gatewayNode(c, {})
      public_(c)
      router(c)
      vpn(c)
      tunnel(c)
    },
    ends: (c) => c.operator.report('g1', { sealingKey: KEY }),
  },
  {
    reason: 'Provisioning',
    where: service,
    waits: (c) => {
      c.operator.answer = without('vpn')
      site(c)
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'NodeSilent',
    where: service,
    waits: async (c) => {
      site(c)
      await c.operator.rest()
      c.operator.silence('g1')
    },
    ends: (c) => c.operator.beat('g1'),
  },
  {
    reason: 'Releasing',
    where: service,
    waits: async (c) => {
      site(c)
      await c.operator.rest()
      c.operator.answer = without('vpn')
      c.operator.remove(...service)
    },
    ends: (c) => c.answersAll(),
    next: 'gone',
  },
  {
    reason: 'InUse',
    where: service,
    waits: async (c) => {
      site(c)
      tunnel(c)
      await c.operator.rest()
      c.operator.remove(...service)
    },
    ends: (c) => c.operator.remove(...connection),
    next: 'gone',
  },
]

/** An older connection has what this one wants, and goes. */
const rivalRow = (reason: string, spec: object): WaitRow => ({
  reason,
  where: connection,
  waits: async (c) => {
    site(c)
    tunnel(c, 'a', { peerAddress: '198.51.100.6', peerCIDRs: ['10.76.0.0/16'] })
    await c.operator.rest()
    tunnel(c, 'c', spec)
  },
  ends: (c) => c.operator.remove('vpnConnections', ns('a')),
})

const CONNECTION_ROWS: WaitRow[] = [
  {
    reason: 'ReferenceOverQuota',
    where: connection,
    waits: async (c) => {
      c.make('quotas', 'main', { hard: { vpnServices: 0 } })
      await c.operator.rest()
      site(c)
      await c.operator.rest()
      tunnel(c)
    },
    ends: (c) => c.set('quotas', 'main', { hard: {} }),
  },
  {
    reason: 'VPNServiceNotFound',
    where: connection,
    waits: (c) => {
      outside(c)
      router(c)
      tunnel(c)
    },
    ends: (c) => vpn(c),
  },
  {
    reason: 'VPNServiceDeleting',
    where: connection,
    waits: (c) => {
      outside(c)
      router(c)
      c.operator.create('vpnServices', ns('vpn'), { routerRef: { name: 'r' } }, { finalizers: ['test/hold'] })
      c.operator.remove(...service)
      tunnel(c)
    },
    ends: async (c) => {
      c.drop('vpnServices', 'vpn')
      await c.operator.rest()
      vpn(c)
    },
  },
  {
    reason: 'VPNServiceNotReady',
    where: connection,
    waits: (c) => {
      outside(c)
      vpn(c)
      tunnel(c)
    },
    ends: (c) => router(c),
  },
  {
    reason: 'NoSubnet',
    where: connection,
    waits: (c) => {
      outside(c)
      router(c, { externalGateway: PUBLIC })
      vpn(c)
      tunnel(c)
    },
    ends: (c) => c.set('routers', 'r', legs('lan-v4')),
  },
  {
    // The service has to get an address of it first.
    reason: 'NoSubnet',
    where: connection,
    waits: (c) => {
      site(c)
      tunnel(c, 'c', { peerAddress: '2001:db8::7' })
    },
    ends: (c) => c.subnet('public-6', { ...PUBLIC, cidr: 'fd00:9::/64', dhcp: { enabled: false } }),
  },
  {
    // The Subnet of its family was full when the service asked.
    reason: 'NoSubnet',
    by: 'full',
    where: connection,
    waits: async (c) => {
      outside(c)
      c.subnet('public-6', { ...PUBLIC, cidr: 'fd00:9::/126', dhcp: { enabled: false } })
      c.port('other', { ...PUBLIC, fixedIPs: [{ subnetRef: { name: 'public-6' }, ipAddress: 'fd00:9::3' }] })
      await c.operator.rest()
      router(c)
      await c.operator.rest()
      vpn(c)
      tunnel(c, 'c', { peerAddress: '2001:db8::7' })
    },
    ends: (c) => c.operator.remove('ports', ns('other')),
  },
  {
    reason: 'LocalCIDRNotRouted',
    where: connection,
    waits: (c) => {
      site(c)
      c.make('networks', 'net')
      c.subnet('other', { networkRef: { name: 'net' }, cidr: '10.9.0.0/24' })
      tunnel(c, 'c', { localCIDRs: ['10.9.0.0/24'] })
    },
    ends: (c) => c.set('routers', 'r', legs('lan-v4', 'other')),
  },
  rivalRow('CIDROverlap', { peerCIDRs: ['10.76.1.0/24'] }),
  rivalRow('PeerInUse', { peerAddress: '198.51.100.6' }),
  rivalRow('PeerIDInUse', { peerID: '198.51.100.6', preSharedKeySecretRef: { name: 'other' } }),
  {
    reason: 'Provisioning',
    where: connection,
    waits: (c) => {
      c.operator.answer = without('vpn')
      site(c)
      tunnel(c)
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'PeerNotAnswering',
    where: connection,
    waits: (c) => {
      const down = { up: false, reason: 'PeerNotAnswering', message: 'it is off' }
      c.operator.answer = saysOf('vpn', (document) =>
        document.kind === 'vpn' && !document.tombstone
          ? { state: 'ready', facts: { tunnels: document.spec.connections.map(({ uid }) => ({ uid, ...down })) } }
          : undefined,
      )
      site(c)
      tunnel(c)
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'NodeSilent',
    where: connection,
    waits: async (c) => {
      site(c)
      tunnel(c)
      await c.operator.rest()
      c.operator.silence('g1')
    },
    ends: (c) => c.operator.beat('g1'),
  },
  {
    reason: 'Releasing',
    where: connection,
    waits: async (c) => {
      site(c)
      tunnel(c)
      await c.operator.rest()
      c.operator.answer = without('vpn')
      c.operator.remove(...connection)
    },
    ends: (c) => c.answersAll(),
    next: 'gone',
  },
]

export const VPN_ROWS: WaitRow[] = [...SERVICE_ROWS, ...CONNECTION_ROWS]
