// SPDX-License-Identifier: Apache-2.0
import { createSealingKey, sealingKeyOf } from '../../../lib/pki/sealed.ts'
import { createTestCertificate } from '../../../lib/pki/testing/certificate.ts'
import { saysOf, without } from '../answers.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { anew, type WaitRow } from './row.ts'

const balancer: Where = ['loadBalancers', ns('web')]
const listening = (...members: object[]) => [{ name: 'http', protocol: 'tcp', port: 80, members }]
const make = (c: QuietCloud, members: object[] = [], vip: object = { subnetRef: { name: 'lan-v4' } }, name = 'web') =>
  c.make('loadBalancers', name, { vip, listeners: listening(...members) })
const router = (c: QuietCloud, ...names: string[]) =>
  c.make('routers', 'r', { interfaces: names.map((name) => ({ subnetRef: { name } })) })
const onOther = { subnetRef: { name: 'other' } }
const other = (c: QuietCloud) => {
  c.make('networks', 'net')
  c.subnet('other', { networkRef: { name: 'net' }, cidr: '10.9.0.0/24' })
}

const PUBLIC = { networkRef: { name: 'public' } }
/** A Router that leads outside, and a FloatingIP that is to lead to the balancer. */
const leading = (c: QuietCloud) => {
  c.addNode('g1', {}, {}, { 'nephele.dev/network': 'gateway' })
  c.make('networks', 'public', { external: true })
  c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/29', dhcp: { enabled: false } })
  c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }], externalGateway: PUBLIC })
  c.make('floatingIPs', 'out', { ...PUBLIC, loadBalancerRef: { name: 'web' } })
}
const floating: Where = ['floatingIPs', ns('out')]

const PORTS = ['a', 'b', 'd']
const gateway = (c: QuietCloud, n: number) => c.addNode(`g${n}`, {}, {}, { 'nephele.dev/network': 'gateway' })
const http = (c: QuietCloud, name = 'lan-v4') =>
  c.make('loadBalancers', 'web', {
    vip: { subnetRef: { name } },
    listeners: [{ name: 'http', protocol: 'http', port: 80, members: [{ ipAddress: '10.0.0.9' }] }],
  })

export const BALANCER_ROWS: WaitRow[] = [
  {
    reason: 'NoGatewayNode',
    where: balancer,
    waits: (c) => {
      router(c, 'lan-v4')
      http(c)
    },
    ends: (c) => c.addNode('g1', {}, {}, { 'nephele.dev/network': 'gateway' }),
  },
  ...(['ProxyFailed', 'ProxyNotServing', 'Releasing'] as const).map((reason): WaitRow => ({
    ...{ reason, where: balancer },
    waits: async (c) => {
      c.addNode('g1', {}, {}, { 'nephele.dev/network': 'gateway' })
      router(c, 'lan-v4')
      if (reason === 'ProxyFailed') c.operator.answer = saysOf('balancer', () => ({ state: 'failed' }))
      if (reason === 'ProxyNotServing')
        c.operator.answer = saysOf('balancer', () => ({ state: 'active', facts: { serving: false } }))
      http(c)
      await c.operator.rest()
      if (reason !== 'Releasing') return
      c.operator.answer = without('balancer')
      c.operator.remove('loadBalancers', ns('web'))
    },
    ends: (c) => c.answersAll(),
    ...(reason === 'Releasing' ? { next: 'gone' as const } : {}),
  })),
  {
    reason: 'SealingKeyMissing',
    where: balancer,
    waits: async (c) => {
      const { certificate, key } = await createTestCertificate({ names: ['shop.example.com'] })
      // Secrets are not among what is watched.
      const read = async () => ({ ok: true, certificate: { chain: certificate, key } })
      Object.assign(c.operator.world.deps.certificates, { read })
      gateway(c, 1)
      router(c, 'lan-v4')
      http(c)
      c.set('loadBalancers', 'web', {
        listeners: [
          { ...{ name: 'shop', protocol: 'https', port: 443 }, tls: { certificateSecretRefs: [{ name: 'shop' }] } },
        ],
      })
    },
    ends: (c) => c.operator.report('g1', { sealingKey: sealingKeyOf(createSealingKey()) }),
  },
  // Of five addresses Ports have three or two.
  ...[1, 2].map((nodes): WaitRow => ({
    reason: 'NoFreeAddress',
    by: `of proxy ${nodes}`,
    where: balancer,
    waits: async (c) => {
      for (let n = 1; n <= nodes; n++) gateway(c, n)
      c.make('networks', 'net')
      c.subnet('other', { networkRef: { name: 'net' }, cidr: '10.9.0.0/29' })
      for (const name of PORTS.slice(nodes - 1)) c.port(name, { networkRef: { name: 'net' } })
      await c.operator.rest()
      router(c, 'other')
      http(c, 'other')
    },
    ends: (c) => {
      for (const name of PORTS.slice(nodes - 1)) c.operator.remove('ports', ns(name))
    },
  })),
  // It is deleted, and may run there still.
  {
    reason: 'NodeSilent',
    where: balancer,
    waits: async (c) => {
      gateway(c, 1)
      router(c, 'lan-v4')
      http(c)
      await c.operator.rest()
      c.operator.answer = without('balancer')
      c.operator.remove(...balancer)
      await c.operator.rest()
      c.operator.silence('g1')
    },
    ends: (c) => {
      c.answersAll()
      c.operator.beat('g1')
    },
    next: 'gone',
  },
  {
    reason: 'ProxyNotServing',
    by: 'its node is silent',
    where: balancer,
    waits: async (c) => {
      gateway(c, 1)
      router(c, 'lan-v4')
      http(c)
      await c.operator.rest()
      c.operator.silence('g1')
    },
    ends: (c) => c.operator.beat('g1'),
  },
  {
    reason: 'LoadBalancerNotFound',
    where: floating,
    waits: (c) => leading(c),
    ends: (c) => make(c),
  },
  {
    reason: 'LoadBalancerDeleting',
    where: floating,
    waits: (c) => {
      c.hold('loadBalancers', 'web')
      leading(c)
    },
    ends: anew('loadBalancers', 'web', (c) => make(c)),
  },
  {
    reason: 'LoadBalancerNotReady',
    where: floating,
    waits: (c) => {
      leading(c)
      make(c, [], onOther)
    },
    ends: (c) => {
      c.make('networks', 'net')
      c.subnet('other', { networkRef: { name: 'net' }, cidr: '10.9.0.0/24' })
      c.set('routers', 'r', { interfaces: [{ subnetRef: { name: 'other' } }] })
    },
  },
  {
    reason: 'Releasing',
    by: 'its balancer cannot go on',
    where: floating,
    waits: async (c) => {
      leading(c)
      make(c)
      await c.operator.rest()
      c.set('loadBalancers', 'web', { vip: onOther })
      await c.operator.rest()
      c.operator.remove(...floating)
    },
    ends: (c) => c.set('loadBalancers', 'web', { vip: { subnetRef: { name: 'lan-v4' } } }),
    next: 'gone',
  },
  {
    reason: 'SubnetNotRouted',
    where: balancer,
    waits: (c) => make(c),
    ends: (c) => router(c, 'lan-v4'),
  },
  {
    reason: 'SubnetNotRouted',
    by: 'its Router left the Subnet',
    where: balancer,
    waits: async (c) => {
      router(c, 'lan-v4')
      make(c)
      await c.operator.rest()
      c.set('routers', 'r', { interfaces: [] })
    },
    ends: (c) => c.set('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }] }),
  },
  {
    reason: 'SubnetNotFound',
    where: balancer,
    waits: (c) => {
      router(c, 'other')
      make(c, [], onOther)
    },
    ends: (c) => other(c),
  },
  {
    reason: 'SubnetDeleting',
    where: balancer,
    waits: (c) => {
      router(c, 'other')
      c.hold('subnets', 'other')
      make(c, [], onOther)
    },
    ends: anew('subnets', 'other', (c) => other(c)),
  },
  {
    reason: 'PortNotFound',
    where: balancer,
    waits: (c) => {
      router(c, 'lan-v4')
      make(c, [{ portRef: { name: 'eth' } }])
    },
    ends: (c) => c.port('eth'),
  },
  {
    reason: 'PortDeleting',
    where: balancer,
    waits: (c) => {
      router(c, 'lan-v4')
      c.hold('ports', 'eth')
      make(c, [{ portRef: { name: 'eth' } }])
    },
    ends: anew('ports', 'eth', (c) => c.port('eth')),
  },
  {
    reason: 'AddressInUse',
    where: balancer,
    waits: async (c) => {
      router(c, 'lan-v4')
      make(c, [], { subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.50' }, 'first')
      await c.operator.rest()
      make(c, [], { subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.50' })
    },
    ends: (c) => c.operator.remove('loadBalancers', ns('first')),
  },
  {
    reason: 'MemberIsBalancer',
    where: balancer,
    waits: async (c) => {
      router(c, 'lan-v4')
      make(c, [{ ipAddress: '10.0.0.50' }])
      await c.operator.rest()
      make(c, [], { subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.50' }, 'first')
    },
    ends: (c) => c.operator.remove('loadBalancers', ns('first')),
  },
]
