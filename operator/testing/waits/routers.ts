// SPDX-License-Identifier: Apache-2.0
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { gatewayNode, GATEWAY, legs, out, PUBLIC, public_ } from './outside.ts'
import { port, vm, type WaitRow } from './row.ts'

const router: Where = ['routers', ns('r')]
const onOther = { networkRef: { name: 'other' } }
const joined = async (c: QuietCloud) => {
  c.make('routers', 'first', legs('lan-v4'))
  await c.operator.rest()
  c.make('routers', 'r', legs('lan-v4'))
}

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
    ...{ reason: 'NextHopDown', of: 'NextHopsUp', next: 'NextHopsAnswer' },
    where: router,
    waits: (c) => {
      gatewayNode(c)
      public_(c)
      c.make('routers', 'r', { ...out(), routes: [{ destination: '0.0.0.0/0', nextHop: '203.0.113.6', bfd: true }] })
    },
    ends: (c) => c.operator.world.network.setNextHop(c.uidOf('r', 'routers'), '203.0.113.6', 'up'),
  },
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

export const ROUTER_ROWS: WaitRow[] = [
  ...GATEWAY_ROWS,
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
