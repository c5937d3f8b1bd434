// SPDX-License-Identifier: Apache-2.0
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { gatewayNode, legs, out, PUBLIC, public_, routed, GATEWAY } from './outside.ts'
import { anew, type WaitRow } from './row.ts'

const onOther = { networkRef: { name: 'other' } }
const floating: Where = ['floatingIPs', ns('web')]
const leading = (c: QuietCloud, spec: object) => c.make('floatingIPs', 'web', { ...PUBLIC, ...spec })

/** What whole addresses wait for. */
const WHOLE_ROWS: WaitRow[] = [
  {
    reason: 'NetworkDeleting',
    where: floating,
    waits: (c) => {
      c.hold('networks', 'public')
      leading(c, {})
    },
    ends: anew('networks', 'public', (c) => public_(c)),
  },
  {
    reason: 'InstanceDeleting',
    where: floating,
    waits: (c) => {
      routed(c)
      c.hold('instances', 'vm')
      leading(c, { instanceRef: { name: 'vm' } })
    },
    ends: anew('instances', 'vm', (c) => c.vm('vm')),
  },
  {
    reason: 'PortDeleting',
    where: floating,
    waits: (c) => {
      routed(c)
      c.hold('ports', 'eth')
      leading(c, { portRef: { name: 'eth' } })
    },
    ends: anew('ports', 'eth', (c) => c.port('eth')),
  },
  {
    reason: 'SubnetNotFound',
    where: floating,
    waits: (c) => {
      public_(c)
      leading(c, { subnetRef: { name: 'more' } })
    },
    ends: (c) => c.subnet('more', { ...PUBLIC, cidr: '198.51.100.0/24' }),
  },
  {
    reason: 'NetworkNotReady',
    where: floating,
    waits: (c) => {
      c.make('networks', 'public', { external: true, provider: { providerNetworkRef: { name: 'dc' } } })
      c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/24' })
      leading(c, {})
    },
    ends: (c) => c.make('providerNetworks', 'dc', { type: 'flat', nodes: [{ interface: 'eth1' }] }),
  },
  {
    reason: 'NoGatewayNode',
    where: floating,
    waits: async (c) => {
      routed(c)
      c.port('eth')
      leading(c, { portRef: { name: 'eth' } })
      await c.operator.rest()
      c.label('g1', { 'nephele.dev/network': undefined, 'nephele.dev/image': 'true' })
    },
    ends: (c) => c.label('g1', GATEWAY),
  },
  { reason: 'NetworkNotFound', where: floating, waits: (c) => leading(c, {}), ends: (c) => public_(c) },
  {
    reason: 'NetworkNotExternal',
    where: floating,
    waits: (c) => {
      public_(c, {})
      leading(c, {})
    },
    ends: (c) => c.set('networks', 'public', { external: true }),
  },
  {
    reason: 'NoSubnet',
    where: floating,
    waits: (c) => {
      c.make('networks', 'public', { external: true })
      leading(c, {})
    },
    ends: (c) => c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/24' }),
  },
  {
    reason: 'NoFreeAddress',
    where: floating,
    waits: async (c) => {
      public_(c)
      for (const name of ['a', 'b', 'c', 'd', 'e']) c.make('floatingIPs', name, PUBLIC)
      await c.operator.rest()
      leading(c, {})
    },
    ends: (c) => c.operator.remove('floatingIPs', ns('c')),
  },
  {
    reason: 'PortNotFound',
    where: floating,
    waits: (c) => {
      routed(c)
      leading(c, { portRef: { name: 'eth' } })
    },
    ends: (c) => c.port('eth'),
  },
  {
    reason: 'InstanceNotFound',
    where: floating,
    waits: (c) => {
      routed(c)
      leading(c, { instanceRef: { name: 'vm' } })
    },
    ends: (c) => c.vm('vm'),
  },
  {
    reason: 'PortNotReady',
    by: 'of a machine',
    where: floating,
    waits: (c) => {
      routed(c)
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
      leading(c, { instanceRef: { name: 'vm' } })
    },
    ends: (c) => c.port('eth'),
  },
  {
    reason: 'AddressNotOnPort',
    where: floating,
    waits: async (c) => {
      routed(c)
      c.port('eth', { fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.9' }] })
      await c.operator.rest()
      leading(c, { portRef: { name: 'eth' }, fixedIPAddress: '10.0.0.8' })
    },
    ends: (c) => c.set('floatingIPs', 'web', { fixedIPAddress: '10.0.0.9' }),
  },
  ...(['comes', 'gets a gateway'] as const).map((by): WaitRow => ({
    reason: 'NotRouted',
    by: `a router ${by}`,
    where: floating,
    waits: (c) => {
      gatewayNode(c)
      public_(c)
      if (by !== 'comes') c.make('routers', 'r', legs('lan-v4'))
      c.port('eth')
      leading(c, { portRef: { name: 'eth' } })
    },
    ends: (c) => {
      if (by === 'comes') c.make('routers', 'r', out('lan-v4'))
      else c.set('routers', 'r', { externalGateway: PUBLIC })
    },
  })),
  ...(['goes', 'leads elsewhere'] as const).map((by): WaitRow => ({
    reason: 'FixedIPInUse',
    by: `the other ${by}`,
    where: floating,
    waits: async (c) => {
      routed(c)
      c.port('eth')
      c.make('floatingIPs', 'first', { ...PUBLIC, portRef: { name: 'eth' } })
      await c.operator.rest()
      leading(c, { portRef: { name: 'eth' } })
    },
    ends: (c) => {
      if (by === 'goes') c.operator.remove('floatingIPs', ns('first'))
      else c.set('floatingIPs', 'first', { portRef: undefined })
    },
  })),
]

const to = (...ports: [externalPort: number, name: string][]) => ({
  portForwardings: ports.map(([externalPort, name]) => ({ protocol: 'tcp', externalPort, portRef: { name } })),
})

/** What one port forwarding waits for while another leads somewhere. */
const FORWARDING_ROWS: WaitRow[] = [
  {
    ...{ reason: 'PortNotFound', by: 'of a port forwarding', where: floating },
    waits: async (c) => {
      routed(c)
      c.port('eth')
      await c.operator.rest()
      leading(c, to([22, 'eth'], [80, 'late']))
    },
    ends: (c) => c.port('late'),
  },
  ...(['a router comes', 'it leads elsewhere'] as const).map((by): WaitRow => ({
    ...{ reason: 'NotRouted', by: `of a port forwarding: ${by}`, where: floating },
    waits: async (c) => {
      routed(c)
      c.make('networks', 'other')
      c.subnet('side', { ...onOther, cidr: '10.9.0.0/24' })
      c.port('eth')
      c.port('far', { networkRef: { name: 'other' } })
      await c.operator.rest()
      leading(c, to([22, 'eth'], [80, 'far']))
    },
    ends: (c) => {
      if (by === 'a router comes') c.set('routers', 'r', out('lan-v4', 'side'))
      else c.set('floatingIPs', 'web', to([22, 'eth'], [80, 'eth']))
    },
  })),
  ...(['goes', 'forwards elsewhere'] as const).map((by): WaitRow => ({
    ...{ reason: 'FixedIPInUse', by: `one that forwards ${by}`, where: floating },
    waits: async (c) => {
      routed(c)
      c.port('eth')
      c.port('other')
      c.make('floatingIPs', 'first', { ...PUBLIC, ...to([22, 'eth'], [80, 'other']) })
      await c.operator.rest()
      leading(c, { portRef: { name: 'eth' } })
    },
    ends: (c) => {
      if (by === 'goes') c.operator.remove('floatingIPs', ns('first'))
      else c.set('floatingIPs', 'first', to([22, 'other']))
    },
  })),
]

export const FLOATING_IP_ROWS: WaitRow[] = [...WHOLE_ROWS, ...FORWARDING_ROWS]
