// SPDX-License-Identifier: Apache-2.0
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { automaticPort, vm, type WaitRow } from './row.ts'

const outside: Where = ['networks', ns('outside')]
const dc: Where = ['providerNetworks', { name: 'dc' }]
const on = (name: string, segmentationID?: number) => ({
  provider: { providerNetworkRef: { name }, ...(segmentationID === undefined ? {} : { segmentationID }) },
})
const range = (minimum: number, maximum: number) => ({ type: 'vlan', vlanRanges: [{ minimum, maximum }] })
const RACK = { nodes: [{ nodeSelector: { matchLabels: { rack: '1' } }, interface: 'eth1' }] }
const EVERYWHERE = { nodes: [{ interface: 'eth1' }] }
const connected = { physicalNetworks: [{ name: 'dc' }] }

/** Another Network has what this one wants. */
const behind = async (c: QuietCloud, dcSpec: object, first: object, wanted: object) => {
  c.make('providerNetworks', 'dc', dcSpec)
  c.make('providerNetworks', 'twin', { type: 'vlan', physicalNetwork: 'dc' })
  c.make('networks', 'first', first)
  await c.operator.rest()
  c.make('networks', 'outside', wanted)
}
const firstGoes = (c: QuietCloud) => c.operator.remove('networks', ns('first'))
const firstIsMissing = (c: QuietCloud): void => {
  c.operator.world.stores.networks.remove('ns/first', c.uidOf('first', 'networks'))
}

const SEGMENT_ROWS: WaitRow[] = [
  {
    reason: 'ProviderNetworkNotFound',
    where: outside,
    waits: (c) => c.make('networks', 'outside', on('dc')),
    ends: (c) => c.make('providerNetworks', 'dc'),
  },
  {
    reason: 'ProviderNetworkDeleting',
    where: outside,
    waits: (c) => {
      c.hold('providerNetworks', 'dc')
      c.make('networks', 'outside', on('dc'))
    },
    ends: async (c) => {
      c.drop('providerNetworks', 'dc')
      await c.operator.rest()
      c.make('providerNetworks', 'dc')
    },
  },
  ...(
    [
      ['a VLAN, until the other goes', range(5, 9), on('dc', 7), on('dc', 7), firstGoes],
      ['a VLAN, until the other is missing from a list', range(5, 9), on('dc', 7), on('dc', 7), firstIsMissing],
      ['a VLAN that another got, until that goes', range(5, 9), on('dc'), on('dc', 5), firstGoes],
      ['a VLAN of another ProviderNetwork', range(5, 9), on('twin', 7), on('dc', 7), firstGoes],
      ['all of a flat one', { type: 'flat' }, on('dc'), on('dc'), firstGoes],
    ] as const
  ).map(([by, spec, first, wanted, ends]): WaitRow => ({
    ...{ reason: 'SegmentInUse', by, where: outside, ends },
    waits: (c) => behind(c, spec, first, wanted),
  })),
  ...(
    [
      ['one goes', on('dc'), firstGoes],
      ['one of another ProviderNetwork goes', on('twin', 5), firstGoes],
      ['there are more', on('dc'), (c) => c.set('providerNetworks', 'dc', range(5, 6))],
    ] as [string, object, (c: QuietCloud) => void][]
  ).map(([by, first, ends]): WaitRow => ({
    ...{ reason: 'NoFreeSegment', by, where: outside, ends },
    waits: (c) => behind(c, range(5, 5), first, on('dc')),
  })),
  {
    ...{ reason: 'InUse', where: dc, by: 'a Network', next: 'gone' },
    waits: async (c) => {
      c.make('providerNetworks', 'dc')
      c.make('networks', 'outside', on('dc'))
      await c.operator.rest()
      c.operator.remove(...dc)
    },
    ends: (c) => c.operator.remove(...outside),
  },
]

const NODE_ROWS: WaitRow[] = [
  ...(['one gets the label', 'one comes', 'spec.nodes says which'] as const).map((by): WaitRow => ({
    ...{ reason: 'NoNodes', by, where: dc, next: 'NodesNotConnected' },
    waits: (c) => c.make('providerNetworks', 'dc', RACK),
    ends: (c) => {
      if (by === 'one gets the label') c.label('c1', { rack: '1' })
      else if (by === 'one comes') c.addNode('c3', {}, {}, { 'nephele.dev/network': 'gateway', rack: '1' })
      else c.set('providerNetworks', 'dc', EVERYWHERE)
    },
  })),
  ...(['they say so', 'the one that is not is given up', 'it is taken out'] as const).map((by): WaitRow => ({
    ...{ reason: 'NodesNotConnected', by, where: dc },
    waits: (c) => {
      c.operator.report('c1', connected)
      c.operator.report('c2', { physicalNetworks: [{ name: 'dc', error: 'no eth1' }] })
      for (const node of ['c1', 'c2']) c.label(node, { rack: '1' })
      c.make('providerNetworks', 'dc', RACK)
    },
    ends: (c) => {
      if (by === 'they say so') c.operator.report('c2', connected)
      else if (by === 'it is taken out') c.label('c2', { rack: undefined })
      else c.set('computeNodes', 'c2', { lost: 'Confirmed' })
    },
  })),
  ...(['goes', 'says something else'] as const).map((by): WaitRow => ({
    ...{ reason: 'MappingConflict', by: `the older one ${by}`, where: dc, next: 'NodesNotConnected' },
    waits: async (c) => {
      c.make('providerNetworks', 'a', { ...EVERYWHERE, physicalNetwork: 'x' })
      await c.operator.rest()
      c.make('providerNetworks', 'dc', { nodes: [{ bridge: 'br' }], physicalNetwork: 'x' })
    },
    ends: (c) => {
      if (by === 'goes') c.operator.remove('providerNetworks', { name: 'a' })
      else c.set('providerNetworks', 'a', RACK)
    },
  })),
  {
    ...{ reason: 'NoValidHost', by: 'a node is connected', where: vm },
    waits: async (c) => {
      c.make('providerNetworks', 'dc', EVERYWHERE)
      c.make('networks', 'outside', on('dc'))
      c.subnet('outside-v4', { networkRef: { name: 'outside' } })
      await c.operator.rest()
      c.vm('vm', { networks: [{ networkRef: { name: 'outside' } }] })
    },
    ends: (c) => c.operator.report('c2', connected),
  },
]

/** A machine that runs, and then its node is cut off. */
const CUT_ROWS: WaitRow[] = (['its port', 'the machine', 'the machine at a port that was made before it'] as const).map(
  (who): WaitRow => ({
    reason: 'NodeNotConnected',
    by: who,
    where: who === 'its port' ? (c) => automaticPort(c) : vm,
    waits: async (c) => {
      c.make('providerNetworks', 'dc', EVERYWHERE)
      c.make('networks', 'outside', on('dc'))
      c.subnet('outside-v4', { networkRef: { name: 'outside' } })
      for (const node of ['c1', 'c2']) c.operator.report(node, connected)
      await c.operator.rest()
      if (who.endsWith('it')) c.port('own', { networkRef: { name: 'outside' } })
      c.vm('vm', {
        networks: [who.endsWith('it') ? { portRef: { name: 'own' } } : { networkRef: { name: 'outside' } }],
      })
      await c.operator.rest()
      for (const node of ['c1', 'c2']) c.operator.report(node, { physicalNetworks: [{ name: 'dc', error: 'no link' }] })
    },
    ends: (c) => {
      for (const node of ['c1', 'c2']) c.operator.report(node, connected)
    },
  }),
)

export const PROVIDER_NETWORK_ROWS: WaitRow[] = [...SEGMENT_ROWS, ...NODE_ROWS, ...CUT_ROWS]
