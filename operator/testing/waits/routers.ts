// SPDX-License-Identifier: Apache-2.0
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

export const ROUTER_ROWS: WaitRow[] = [
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
