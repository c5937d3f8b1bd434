// SPDX-License-Identifier: Apache-2.0
import type { CacheName } from '../memory-cluster.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { port, vm, type WaitRow } from './row.ts'

const router: Where = ['routers', ns('r')]
const legs = (...names: string[]) => ({ interfaces: names.map((name) => ({ subnetRef: { name } })) })
const onOther = { networkRef: { name: 'other' } }
const joined = async (c: QuietCloud) => {
  c.make('routers', 'first', legs('lan-v4'))
  await c.operator.rest()
  c.make('routers', 'r', legs('lan-v4'))
}

const PUBLIC = { networkRef: { name: 'public' } }
const out = (...names: string[]) => ({ ...legs(...names), externalGateway: PUBLIC })
const GATEWAY = { 'nephele.dev/network': 'gateway' }
const public_ = (c: QuietCloud, spec: object = { external: true }) => {
  c.make('networks', 'public', spec)
  c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/29', dhcp: { enabled: false } })
}
const gatewayNode = (c: QuietCloud) => c.addNode('g1', {}, {}, GATEWAY)

const cordon = (c: QuietCloud, unschedulable: boolean) => {
  const node = c.operator.get('nodes', { name: 'g1' })
  c.operator.store('nodes', { ...node, spec: { unschedulable } })
}

/** What a Router's gateway waits for. */
const GATEWAY_ROWS: WaitRow[] = [
  {
    reason: 'NetworkDeleting',
    where: router,
    waits: (c) => {
      gatewayNode(c)
      c.hold('networks', 'public')
      c.make('routers', 'r', out())
    },
    ends: async (c) => {
      c.drop('networks', 'public')
      await c.operator.rest()
      public_(c)
    },
  },
  {
    reason: 'NetworkNotFound',
    by: 'the outside',
    where: router,
    waits: (c) => {
      gatewayNode(c)
      c.make('routers', 'r', out())
    },
    ends: (c) => public_(c),
  },
  {
    reason: 'NetworkNotExternal',
    where: router,
    waits: (c) => {
      gatewayNode(c)
      public_(c, {})
      c.make('routers', 'r', out())
    },
    ends: (c) => c.set('networks', 'public', { external: true }),
  },
  {
    reason: 'NoSubnet',
    where: router,
    waits: (c) => {
      gatewayNode(c)
      c.make('networks', 'public', { external: true })
      c.make('routers', 'r', out())
    },
    ends: (c) => c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/24' }),
  },
  ...(['comes', 'gets the label', 'is uncordoned', 'is opened'] as const).map((by): WaitRow => ({
    reason: 'NoGatewayNode',
    by: `a node ${by}`,
    where: router,
    waits: (c) => {
      public_(c)
      if (by === 'is opened') c.addNode('g1', { unschedulable: true }, {}, GATEWAY)
      if (by === 'is uncordoned') {
        gatewayNode(c)
        cordon(c, true)
      }
      c.make('routers', 'r', out())
    },
    ends: (c) => {
      if (by === 'comes') gatewayNode(c)
      else if (by === 'gets the label') c.label('c1', GATEWAY)
      else if (by === 'is opened') c.set('computeNodes', 'g1', { unschedulable: false })
      else cordon(c, false)
    },
  })),
  {
    ...{ reason: 'SoleGatewayNode', of: 'FailoverReady', next: 'StandbyReady' },
    where: router,
    waits: (c) => {
      gatewayNode(c)
      public_(c)
      c.make('routers', 'r', out())
    },
    ends: (c) => c.addNode('g2', {}, {}, GATEWAY),
  },
  {
    ...{ reason: 'GatewayNotDrained', of: 'FailoverReady', next: 'SoleGatewayNode' },
    where: router,
    waits: async (c) => {
      gatewayNode(c)
      public_(c)
      c.make('routers', 'r', out())
      await c.operator.rest()
      cordon(c, true)
    },
    ends: (c) => c.addNode('g2', {}, {}, GATEWAY),
  },
  {
    reason: 'AddressInUse',
    by: 'the address outside that it asks for',
    where: router,
    waits: async (c) => {
      gatewayNode(c)
      public_(c)
      c.make('floatingIPs', 'web', { ...PUBLIC, ipAddress: '203.0.113.4' })
      await c.operator.rest()
      const fixedIPs = [{ subnetRef: { name: 'public' }, ipAddress: '203.0.113.4' }]
      c.make('routers', 'r', { externalGateway: { ...PUBLIC, fixedIPs } })
    },
    ends: (c) => c.operator.remove('floatingIPs', ns('web')),
  },
  {
    reason: 'InUse',
    by: 'a floating IP',
    where: router,
    waits: async (c) => {
      gatewayNode(c)
      public_(c)
      c.make('routers', 'r', out('lan-v4'))
      c.port('eth')
      c.make('floatingIPs', 'web', { ...PUBLIC, portRef: { name: 'eth' } })
      await c.operator.rest()
      c.operator.remove('routers', ns('r'))
    },
    ends: (c) => c.operator.remove('floatingIPs', ns('web')),
    next: 'gone',
  },
]

const floating: Where = ['floatingIPs', ns('web')]
const routed = (c: QuietCloud) => {
  gatewayNode(c)
  public_(c)
  c.make('routers', 'r', out('lan-v4'))
}
const leading = (c: QuietCloud, spec: object) => c.make('floatingIPs', 'web', { ...PUBLIC, ...spec })

/** What it names is being deleted, and made anew. */
const anew = (cache: CacheName, name: string, again: (c: QuietCloud) => void) => async (c: QuietCloud) => {
  c.drop(cache, name)
  await c.operator.rest()
  again(c)
}

const FLOATING_ROWS: WaitRow[] = [
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

export const ROUTER_ROWS: WaitRow[] = [
  ...GATEWAY_ROWS,
  ...FLOATING_ROWS,
  ...FORWARDING_ROWS,
  {
    reason: 'SubnetExternal',
    where: router,
    waits: (c) => {
      c.make('providerNetworks', 'dc', { type: 'flat', nodes: [{ interface: 'eth1' }] })
      c.make('networks', 'public', { external: true, provider: { providerNetworkRef: { name: 'dc' } } })
      c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/24' })
      c.make('routers', 'r', legs('public'))
    },
    ends: (c) => c.set('networks', 'public', { external: false }),
  },
  {
    reason: 'SubnetNotFound',
    where: router,
    waits: (c) => c.make('routers', 'r', legs('lan-v4', 'more')),
    ends: (c) => c.subnet('more', { cidr: '10.1.0.0/24' }),
  },
  ...(['the Network comes', 'the older Subnet goes'] as const).map((by): WaitRow => ({
    reason: 'SubnetNotReady',
    by,
    where: router,
    waits: (c) => {
      if (by === 'the Network comes') c.subnet('x', { ...onOther, cidr: '10.1.0.0/24' })
      else c.subnet('x', { cidr: '10.0.0.0/25' })
      c.make('routers', 'r', legs('x'))
    },
    ends: (c) => {
      if (by === 'the Network comes') c.make('networks', 'other')
      else c.operator.remove('subnets', ns('lan-v4'))
    },
  })),
  {
    reason: 'SubnetInUse',
    by: 'the other goes',
    where: router,
    waits: joined,
    ends: (c) => c.operator.remove('routers', ns('first')),
  },
  {
    reason: 'SubnetInUse',
    by: 'the other leaves it',
    where: router,
    waits: joined,
    ends: (c) => c.set('routers', 'first', legs()),
  },
  {
    reason: 'PortInUse',
    by: 'a machine that has it',
    where: router,
    waits: async (c) => {
      c.port('eth')
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
      await c.operator.rest()
      c.make('routers', 'r', { interfaces: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => c.operator.remove('instances', ns('vm')),
  },
  ...(['parent', 'subport'] as const).map((as): WaitRow => ({
    reason: 'PortInUse',
    by: `a trunk whose ${as} it is`,
    where: router,
    waits: async (c) => {
      c.port('eth')
      c.port('tagged')
      const [parent, sub] = as === 'parent' ? ['eth', 'tagged'] : ['tagged', 'eth']
      c.make('trunks', 't', { portRef: { name: parent }, subports: [{ portRef: { name: sub }, segmentationID: 7 }] })
      await c.operator.rest()
      c.make('routers', 'r', { interfaces: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => c.operator.remove('trunks', ns('t')),
  })),
  ...(['goes', 'leaves it'] as const).map((end): WaitRow => ({
    reason: 'PortInUse',
    by: `another router, which ${end}`,
    where: router,
    waits: async (c) => {
      c.port('eth')
      c.make('routers', 'first', { interfaces: [{ portRef: { name: 'eth' } }] })
      await c.operator.rest()
      c.make('routers', 'r', { interfaces: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => {
      if (end === 'goes') c.operator.remove('routers', ns('first'))
      else c.set('routers', 'first', legs())
    },
  })),
  {
    reason: 'PortNotReady',
    by: 'of a router: its network comes',
    where: router,
    waits: (c) => {
      c.port('eth', onOther)
      c.make('routers', 'r', { interfaces: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => {
      c.make('networks', 'other')
      c.subnet('other-v4', { ...onOther, cidr: '10.1.0.0/24' })
    },
  },
  {
    reason: 'SubnetNotFound',
    by: 'its Network is not shared',
    where: router,
    waits: (c) => {
      c.operator.create('networks', { namespace: 'far', name: 'far' }, {})
      c.operator.create(
        'subnets',
        { namespace: 'far', name: 'far' },
        { networkRef: { name: 'far' }, cidr: '10.9.0.0/24' },
      )
      c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'far', namespace: 'far' } }] })
    },
    ends: (c) =>
      c.operator.change('networks', { namespace: 'far', name: 'far' }, (spec) =>
        Object.assign(spec, { sharedWith: [{ namespace: 'ns' }] }),
      ),
  },
  {
    reason: 'AddressInUse',
    by: 'a port at the gateway address',
    where: router,
    waits: async (c) => {
      c.port('eth', { fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.1' }] })
      await c.operator.rest()
      c.make('routers', 'r', legs('lan-v4'))
    },
    ends: (c) => c.operator.remove('ports', ns('eth')),
  },
  ...(['goes', 'leaves it'] as const).flatMap((end) =>
    [port, vm].map((where): WaitRow => ({
      reason: 'AddressInUse',
      by: `a router that ${end}`,
      where,
      waits: async (c) => {
        c.make('routers', 'r', legs('lan-v4'))
        await c.operator.rest()
        if (where === port) c.port('eth', { fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.1' }] })
        else c.vm('vm', { networks: [{ networkRef: { name: 'lan' }, ipAddress: '10.0.0.1' }] })
      },
      ends: (c) => {
        if (end === 'goes') c.operator.remove('routers', ns('r'))
        else c.set('routers', 'r', legs())
      },
    })),
  ),
  {
    reason: 'CIDROverlap',
    where: router,
    waits: (c) => {
      c.make('networks', 'other')
      c.subnet('wide', { ...onOther, cidr: '10.0.0.0/16' })
      c.make('routers', 'r', legs('lan-v4', 'wide'))
    },
    ends: (c) => c.operator.remove('subnets', ns('wide')),
    next: 'SubnetNotFound',
  },
]
