// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { create } from 'xmlbuilder2'
import type { FloatingIP, Instance, LoadBalancer, Network, Port, Router, Subnet } from '../../lib/api/types.ts'
import { svgOf } from './svg.ts'
import { textOf } from './text.ts'
import { topologyOf, type Found, type NodeKind, type TopologyNode } from './topology.ts'

const meta = (name: string) => ({ metadata: { name, namespace: 'team', uid: `uid-${name}`, resourceVersion: '1' } })
const conditions = [{ type: 'Ready', status: 'True' as const, reason: 'Ready', message: '', lastTransitionTime: '' }]
const network = (name: string): Network => ({ ...meta(name), spec: {}, status: { conditions } })
const subnet = (name: string, on: string, cidr: string): Subnet => ({
  ...meta(name),
  spec: { networkRef: { name: on } },
  status: { cidr, conditions },
})
const machine = (name: string, ...networks: Instance['spec']['networks'] & object): Instance => ({
  ...meta(name),
  spec: { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks },
  status: { state: 'ACTIVE', conditions },
})
const port = (name: string, of: string, networkRef: Port['spec']['networkRef'], ipAddress: string): Port => ({
  ...meta(name),
  spec: { networkRef },
  status: { instance: { name: of, uid: `uid-${of}` }, fixedIPs: [{ subnet: 's', prefixLength: 24, ipAddress }] },
})
const NONE: Found = {
  networks: [],
  subnets: [],
  routers: [],
  instances: [],
  ports: [],
  floatingIPs: [],
  loadBalancers: [],
}
const router = (name: string, subnets: string[], outside = true): Router => ({
  ...meta(name),
  spec: {
    interfaces: subnets.map((one) => ({ subnetRef: { name: one } })),
    ...(outside ? { externalGateway: { networkRef: { namespace: 'infra', name: 'public' } } } : {}),
  },
  status: {
    conditions,
    ...(outside
      ? {
          gateways: ['g1', 'g2'],
          externalGateway: {
            network: 'infra/public',
            networkUID: 'u',
            fixedIPs: [{ subnet: 's', subnetUID: 'u', ipAddress: '203.0.113.2', prefixLength: 24 }],
          },
        }
      : {}),
  },
})

const WHOLE: Found = {
  networks: [network('back'), network('front'), network('lone')],
  subnets: [
    subnet('front-4', 'front', '10.0.0.0/24'),
    subnet('front-6', 'front', 'fd00::/64'),
    subnet('back', 'back', '10.1.0.0/24'),
  ],
  routers: [router('main', ['front-4', 'front-6', 'back']), router('inner', ['back'], false)],
  instances: [
    machine('web', { networkRef: { name: 'front' } }, { networkRef: { namespace: 'infra', name: 'storage' } }),
    { ...machine('db', { portRef: { name: 'db' } }), status: { state: 'ERROR' } },
    machine('island'),
  ],
  ports: [
    port('web-0', 'web', { name: 'front' }, '10.0.0.5'),
    port('web-1', 'web', { namespace: 'infra', name: 'storage' }, '10.9.0.5'),
    port('db', 'db', { name: 'back' }, '10.1.0.9'),
  ],
  floatingIPs: [
    {
      ...meta('fip'),
      spec: { networkRef: { name: 'public' } },
      status: { ipAddress: '203.0.113.9', portUID: 'uid-web-0', fixedIPAddress: '10.0.0.5' },
    } satisfies FloatingIP,
    {
      ...meta('lb'),
      spec: { networkRef: { name: 'public' } },
      status: { ipAddress: '203.0.113.10', loadBalancerUID: 'uid-lb' },
    } satisfies FloatingIP,
  ],
  loadBalancers: [
    {
      ...meta('lb'),
      spec: { vip: { subnetRef: { name: 'front-4' } }, listeners: [] },
      status: { vipAddress: '10.0.0.99', conditions },
    } satisfies LoadBalancer,
  ],
}

test('a project as a tree', () => {
  expect(textOf(topologyOf('team', WHOLE))).toEqual([
    'external Network infra/public',
    '└── Router main  203.0.113.2  at g1',
    '    ├── Network front  10.0.0.0/24  fd00::/64',
    '    │   ├── Instance web  ACTIVE  10.0.0.5 <- 203.0.113.9',
    '    │   └── LoadBalancer lb  10.0.0.99 <- 203.0.113.10',
    '    └── Network back  10.1.0.0/24',
    '        └── Instance db  ERROR  10.1.0.9  (not ready)',
    'Router inner',
    '└── Network back  (above)',
    'Network lone',
    'on no Network',
    '└── Instance island  ACTIVE',
  ])
  expect(topologyOf('team', NONE)).toEqual([])
})

test('a machine on Networks of others alone is under those', () => {
  const found = {
    ...NONE,
    instances: [machine('web', { networkRef: { namespace: 'infra', name: 'storage' } })],
    ports: WHOLE.ports.slice(1),
  }
  expect(textOf(topologyOf('team', found))).toEqual(['Network infra/storage', '└── Instance web  ACTIVE  10.9.0.5'])
})

describe('as a picture', () => {
  const node: fc.Arbitrary<TopologyNode> = fc.letrec<{ node: TopologyNode }>((tie) => ({
    node: fc.record({
      kind: fc.constantFrom<NodeKind[]>('external', 'router', 'network', 'instance', 'balancer', 'group'),
      title: fc.string({ unit: 'binary' }),
      facts: fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }),
      isTroubled: fc.boolean(),
      children: fc.oneof({ maxDepth: 3 }, fc.constant<TopologyNode[]>([]), fc.array(tie('node'), { maxLength: 3 })),
    }),
  })).node

  test('whatever names there are it is one document with a box for each, and nothing that runs', () => {
    fc.assert(
      fc.property(fc.array(node, { maxLength: 3 }), (nodes) => {
        const svg = svgOf(nodes, 'Networks')
        const count = (list: readonly TopologyNode[]): number =>
          list.reduce((sum, one) => sum + 1 + count(one.children), 0)
        expect(
          create(svg)
            .root()
            .filter((one) => one.node.nodeName === 'rect', false, true).length,
        ).toBe(count(nodes) + 1)
        expect(svg).not.toMatch(/<script|<foreignObject|href=/)
      }),
      { numRuns: 200 },
    )
  })

  test('no box lies on another', () => {
    const boxes = [...svgOf(topologyOf('team', WHOLE), 't').matchAll(/<rect x="([\d.]+)" y="([\d.]+)"/g)].map(
      ([, x, y]) => [Number(x), Number(y)],
    )
    expect(boxes).toHaveLength(12)
    for (const [i, [x = 0, y = 0]] of boxes.entries())
      for (const [otherX = 0, otherY = 0] of boxes.slice(i + 1))
        expect(x !== otherX || Math.abs(y - otherY) >= 44).toBe(true)
  })
})
