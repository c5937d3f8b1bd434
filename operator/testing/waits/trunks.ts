// SPDX-License-Identifier: Apache-2.0
// What a Trunk waits for, a subport for its Trunk, and the Port of a host outside.
import { saysOf, without } from '../answers.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { type WaitRow } from './row.ts'

const trunk: Where = ['trunks', ns('t')]
const blue: Where = ['ports', ns('blue')]
const of = (parent: string, ...names: string[]) => ({
  portRef: { name: parent },
  subports: names.map((name, i) => ({ portRef: { name }, segmentationID: 100 + i })),
})
const PAIR = of('eth', 'blue')
const ports = (c: QuietCloud) => ['eth', 'blue'].forEach((name) => c.port(name))
const OUTSIDE = { vnicType: 'external' }
const GATEWAY = { 'nephele.dev/network': 'gateway' }
/** A machine with a Trunk of one subport, at rest. */
const running = async (c: QuietCloud) => {
  ports(c)
  c.make('trunks', 't', PAIR)
  c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
  await c.operator.rest()
}

export const TRUNK_ROWS: WaitRow[] = [
  ...(['eth', 'blue'] as const).flatMap((missing): WaitRow[] => [
    {
      ...{ reason: 'PortNotFound', by: missing, where: trunk },
      waits: (c) => {
        c.port(missing === 'eth' ? 'blue' : 'eth')
        c.make('trunks', 't', PAIR)
      },
      ends: (c) => c.port(missing),
    },
    {
      ...{ reason: 'PortDeleting', by: missing, where: trunk },
      waits: (c) => {
        c.port(missing === 'eth' ? 'blue' : 'eth')
        c.hold('ports', missing)
        c.make('trunks', 't', PAIR)
      },
      ends: async (c) => {
        c.drop('ports', missing)
        await c.operator.rest()
        c.port(missing)
      },
    },
  ]),
  {
    ...{ reason: 'PortInUse', by: 'a machine', where: trunk },
    waits: async (c) => {
      ports(c)
      c.vm('vm', { networks: [{ portRef: { name: 'blue' } }] })
      await c.operator.rest()
      c.make('trunks', 't', PAIR)
    },
    ends: (c) => c.operator.remove('instances', ns('vm')),
  },
  ...(
    [
      ['its parent is the other’s parent', of('eth', 'red')],
      ['its parent is on the other', of('red', 'eth')],
      ['its subport is the other’s parent', of('blue', 'red')],
      ['its subport is on the other', of('red', 'blue')],
    ] as const
  ).map(([by, spec]): WaitRow => ({
    ...{ reason: 'PortInUse', by, where: trunk },
    waits: async (c) => {
      ports(c)
      c.port('red')
      c.make('trunks', 'first', spec)
      await c.operator.rest()
      c.make('trunks', 't', PAIR)
    },
    ends: (c) => c.operator.remove('trunks', ns('first')),
  })),
  {
    ...{ reason: 'PortInUse', by: 'an interface that is a subport', where: ['instances', ns('vm')] },
    waits: async (c) => {
      ports(c)
      c.make('trunks', 't', PAIR)
      await c.operator.rest()
      c.vm('vm', { networks: [{ portRef: { name: 'blue' } }] })
    },
    ends: (c) => c.operator.remove('trunks', ns('t')),
  },
  ...(['eth', 'blue'] as const).map((name): WaitRow => ({
    ...{ reason: 'PortExternal', by: name, where: trunk },
    waits: async (c) => {
      c.port(name === 'eth' ? 'blue' : 'eth')
      c.port(name, OUTSIDE)
      await c.operator.rest()
      c.make('trunks', 't', PAIR)
    },
    ends: async (c) => {
      c.drop('ports', name)
      await c.operator.rest()
      c.port(name)
    },
  })),
  {
    ...{ reason: 'PortExternal', where: ['instances', ns('vm')] },
    waits: async (c) => {
      c.port('eth', OUTSIDE)
      await c.operator.rest()
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
    },
    ends: async (c) => {
      c.drop('ports', 'eth')
      await c.operator.rest()
      c.port('eth')
    },
  },
  ...(['NoGatewayNode', 'Plugging'] as const).map((reason): WaitRow => ({
    ...{ reason, by: 'of a host outside', where: ['ports', ns('eth')] },
    waits: async (c) => {
      c.make('providerNetworks', 'dc')
      c.make('networks', 'dc', { provider: { providerNetworkRef: { name: 'dc' } } })
      c.subnet('dc', { networkRef: { name: 'dc' }, cidr: '10.1.0.0/24' })
      if (reason === 'Plugging') c.addNode('g1', {}, { physicalNetworks: [{ name: 'dc' }] }, GATEWAY)
      c.port('eth', { ...OUTSIDE, networkRef: { name: 'dc' } })
      if (reason === 'Plugging') c.operator.world.network.setUnclaimed([c.uidOf('eth', 'ports')])
      await c.operator.rest()
    },
    ends: (c) => {
      if (reason === 'Plugging') c.operator.world.network.setUnclaimed([])
      else c.addNode('g1', {}, { physicalNetworks: [{ name: 'dc' }] }, GATEWAY)
    },
  })),
  {
    ...{ reason: 'MTUTooLarge', where: trunk },
    waits: async (c) => {
      c.make('networks', 'small', { mtu: 1000 })
      c.subnet('small', { networkRef: { name: 'small' }, cidr: '10.1.0.0/24' })
      c.port('eth', { networkRef: { name: 'small' } })
      c.port('blue')
      await c.operator.rest()
      c.make('trunks', 't', PAIR)
    },
    ends: (c) => c.set('networks', 'lan', { mtu: 1000 }),
  },
  {
    ...{ reason: 'PortNotReady', where: trunk },
    waits: async (c) => {
      c.operator.answer = saysOf('port', () => ({ state: 'plugging', facts: { ovnInstalled: false } }))
      await running(c)
    },
    ends: (c) => c.answersAll(),
  },
  {
    ...{ reason: 'Plugging', by: 'no node has claimed it', where: blue },
    waits: async (c) => {
      ports(c)
      await c.operator.rest()
      c.operator.world.network.setUnclaimed([c.uidOf('blue', 'ports')])
      c.make('trunks', 't', PAIR)
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
    },
    ends: (c) => c.operator.world.network.setUnclaimed([]),
  },
  ...(['Releasing', 'NodeSilent'] as const).map((reason): WaitRow => ({
    ...{ reason: 'Releasing', by: reason, where: trunk, next: 'gone' },
    waits: async (c) => {
      await running(c)
      c.operator.answer = without('port')
      if (reason === 'NodeSilent') c.operator.silence(c.nodeOf('vm'))
      c.operator.remove('trunks', ns('t'))
    },
    ends: (c) => {
      c.answersAll()
      for (const node of ['c1', 'c2']) c.operator.beat(node)
    },
  })),
  ...(['eth', 'blue'] as const).map((name): WaitRow => ({
    ...{ reason: 'InUse', by: `a Trunk: ${name}`, where: ['ports', ns(name)], next: 'gone' },
    waits: async (c) => {
      ports(c)
      c.make('trunks', 't', PAIR)
      await c.operator.rest()
      c.operator.remove('ports', ns(name))
    },
    ends: (c) => c.operator.remove('trunks', ns('t')),
  })),
]
