// SPDX-License-Identifier: Apache-2.0
// What decides where machines go beside room.
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { vm, type WaitRow } from './row.ts'

const fast: Where = ['hostAggregates', { name: 'fast' }]
const SSD = { metadata: { ssd: 'true' } }
const wantsSsd = (c: QuietCloud) => {
  c.make('flavors', 'ssd', { extraSpecs: { ssd: 'true' } })
  c.vm('vm', { flavorRef: { name: 'ssd' } })
}

const AGGREGATE_ROWS: WaitRow[] = [
  ...(['comes', 'is taken out'] as const).map((by): WaitRow => ({
    ...{ reason: 'NodeNotFound', where: fast, by: `it ${by}` },
    waits: (c) => c.make('hostAggregates', 'fast', { nodes: ['c1', 'c3'] }),
    ends: (c) => {
      if (by === 'comes') c.addNode('c3')
      else c.set('hostAggregates', 'fast', { nodes: ['c1'] })
    },
  })),
  ...(['goes', 'gives its nodes no zone', 'has other nodes', 'selects other nodes'] as const).map((by): WaitRow => ({
    ...{ reason: 'ZoneConflict', where: fast, by: `the older one ${by}` },
    waits: async (c) => {
      c.label('c1', { rack: '1' })
      c.make('hostAggregates', 'a-first', { nodeSelector: { rack: '1' }, availabilityZone: 'z1' })
      await c.operator.rest()
      c.make('hostAggregates', 'fast', { nodes: ['c1', 'c2'], availabilityZone: 'z2' })
    },
    ends: (c) => {
      if (by === 'goes') c.operator.remove('hostAggregates', { name: 'a-first' })
      else if (by === 'gives its nodes no zone') c.set('hostAggregates', 'a-first', { availabilityZone: undefined })
      else if (by === 'has other nodes') c.set('hostAggregates', 'a-first', { nodeSelector: { rack: '2' } })
      else c.label('c1', { rack: undefined })
    },
  })),
]

/** A machine goes on when a node gets what it asks for by an aggregate. */
const MACHINE_ROWS: WaitRow[] = [
  ...(['comes', 'gets a node', 'selects a node', 'says it'] as const).map((by): WaitRow => ({
    ...{ reason: 'NoValidHost', where: vm, by: `its aggregate ${by}` },
    waits: (c) => {
      if (by === 'gets a node') c.make('hostAggregates', 'fast', SSD)
      if (by === 'selects a node') c.make('hostAggregates', 'fast', { ...SSD, nodeSelector: { rack: '1' } })
      if (by === 'says it') c.make('hostAggregates', 'fast', { nodes: ['c1'] })
      wantsSsd(c)
    },
    ends: (c) => {
      if (by === 'comes') c.make('hostAggregates', 'fast', { ...SSD, nodes: ['c2'] })
      else if (by === 'gets a node') c.set('hostAggregates', 'fast', { nodes: ['c2'] })
      else if (by === 'selects a node') c.label('c1', { rack: '1' })
      else c.set('hostAggregates', 'fast', SSD)
    },
  })),
  {
    ...{ reason: 'NoValidHost', where: vm, by: 'its zone comes by an aggregate' },
    waits: (c) => c.vm('vm', { availabilityZone: 'z9' }),
    ends: (c) => c.make('hostAggregates', 'fast', { nodes: ['c1'], availabilityZone: 'z9' }),
  },
  {
    ...{ reason: 'NoValidHost', where: vm, by: 'an aggregate that is for others goes' },
    waits: (c) => {
      c.make('hostAggregates', 'fast', { nodes: ['c1', 'c2'], metadata: { filter_tenant_id: 'others' } })
      c.vm('vm')
    },
    ends: (c) => c.operator.remove(...fast),
  },
]

const inGroup = { serverGroupRef: { name: 'apart' } }
/** Two members, one on each node. */
const twoApart = async (c: QuietCloud) => {
  c.make('serverGroups', 'apart')
  for (const name of ['one', 'two']) c.vm(name, inGroup)
  await c.operator.rest()
}
const GROUP_ENDS: Record<string, (c: QuietCloud, member: string) => void> = {
  'a member goes': (c, member) => c.operator.remove('instances', ns(member)),
  'it allows more': (c) => c.set('serverGroups', 'apart', { maxServersPerHost: 2 }),
}

const GROUP_ROWS: WaitRow[] = Object.entries(GROUP_ENDS).flatMap(([by, ends]): WaitRow[] => [
  {
    ...{ reason: 'NoValidHost', where: vm, by: `its group: ${by}`, ends: (c) => ends(c, 'one') },
    waits: async (c) => {
      await twoApart(c)
      c.vm('vm', inGroup)
    },
  },
  {
    ...{ reason: 'PolicyBroken', where: ['serverGroups', ns('apart')], by, ends: (c) => ends(c, 'three') },
    waits: async (c) => {
      c.make('serverGroups', 'apart', { maxServersPerHost: 2 })
      for (const name of ['one', 'two', 'three']) c.vm(name, inGroup)
      await c.operator.rest()
      c.set('serverGroups', 'apart', { maxServersPerHost: 1 })
    },
    next: 'Ready',
  },
])

const byProfile = (c: QuietCloud) => {
  c.make('flavors', 'own', { extraSpecs: { 'nephele:scheduler_profile': 'own' } })
  c.vm('vm', { flavorRef: { name: 'own' } })
}
const BROKEN = { customFilters: [{ name: 'Own', expression: 'node.name ==' }] }

const PROFILE_ROWS: WaitRow[] = [
  {
    ...{ reason: 'SchedulerProfileNotFound', where: vm },
    waits: byProfile,
    ends: (c) => c.make('schedulerProfiles', 'own'),
  },
  ...(['is mended', 'goes'] as const).map((by): WaitRow => ({
    ...{ reason: 'ProfileStalled', where: vm, by: `it ${by}` },
    waits: (c) => {
      c.make('schedulerProfiles', 'default', BROKEN)
      c.vm('vm')
    },
    ends: (c) => {
      if (by === 'goes') c.operator.remove('schedulerProfiles', { name: 'default' })
      else c.set('schedulerProfiles', 'default', { customFilters: [] })
    },
  })),
  ...[undefined, BROKEN].map((spec): WaitRow => ({
    ...{
      reason: spec ? 'ProfileStalled' : 'SchedulerProfileNotFound',
      of: 'ResizePending',
      where: vm,
      next: 'AtNextStart',
    },
    waits: async (c) => {
      c.make('flavors', 'own', { extraSpecs: { 'nephele:scheduler_profile': 'own' } })
      if (spec) c.make('schedulerProfiles', 'own', spec)
      c.vm('vm')
      await c.operator.rest()
      c.set('instances', 'vm', { flavorRef: { name: 'own' } })
    },
    ends: (c) => {
      if (spec) c.set('schedulerProfiles', 'own', { customFilters: [] })
      else c.make('schedulerProfiles', 'own')
    },
  })),
  {
    ...{ reason: 'NoValidHost', where: vm, by: 'its profile refuses no more' },
    waits: (c) => {
      c.make('schedulerProfiles', 'default', { customFilters: [{ name: 'Own', expression: 'false' }] })
      c.vm('vm')
    },
    ends: (c) => c.set('schedulerProfiles', 'default', { customFilters: [] }),
  },
]

/** The machines that it names come, and go. */
const HINT_ROWS: WaitRow[] = [
  {
    ...{ reason: 'NoValidHost', where: vm, by: 'a machine of sameHost gets a place' },
    waits: (c) => c.vm('vm', { schedulerHints: { sameHost: ['web'] } }),
    ends: (c) => c.vm('web'),
  },
  {
    ...{ reason: 'NoValidHost', where: vm, by: 'a machine of differentHost goes' },
    waits: async (c) => {
      await twoApart(c)
      c.vm('vm', { schedulerHints: { differentHost: ['one', 'two'] } })
    },
    ends: (c) => c.operator.remove('instances', ns('one')),
  },
  {
    ...{ reason: 'NoValidHost', where: vm, by: 'a node has the machine that its query asks for' },
    waits: (c) => c.vm('vm', { schedulerHints: { query: '[">", "$num_instances", 0]' } }),
    ends: (c) => c.vm('web'),
  },
]

export const SCHEDULING_ROWS: WaitRow[] = [
  ...[...AGGREGATE_ROWS, ...MACHINE_ROWS, ...GROUP_ROWS],
  ...[...PROFILE_ROWS, ...HINT_ROWS],
]
