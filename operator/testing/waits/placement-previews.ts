// SPDX-License-Identifier: Apache-2.0
// What a preview of a placement waits for before it can be judged.
import type { CacheName } from '../memory-cluster.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import type { WaitRow } from './row.ts'

const where: Where = ['placementPreviews', ns('where')]
const next = 'Answered'
const to = { name: 'other' }
const TEMPLATE = { flavorRef: { name: 'small' }, imageRef: { name: 'guest' } }
const ask = (c: QuietCloud, template: object) =>
  c.make('placementPreviews', 'where', { template: { ...TEMPLATE, ...template } })

const NAMED: [CacheName, string, object][] = [
  ['flavors', 'Flavor', { flavorRef: to }],
  ['images', 'Image', { imageRef: to }],
  ['serverGroups', 'ServerGroup', { serverGroupRef: to }],
  ['networks', 'Network', { networks: [{ networkRef: to }] }],
  ['ports', 'Port', { networks: [{ portRef: to }] }],
]

export const PLACEMENT_PREVIEW_ROWS: WaitRow[] = [
  ...NAMED.flatMap(([cache, kind, template]): WaitRow[] => [
    {
      ...{ reason: `${kind}NotFound`, where, next },
      waits: (c) => ask(c, template),
      ends: (c) => c.make(cache, 'other'),
    },
    {
      ...{ reason: `${kind}Deleting`, where, next },
      waits: (c) => {
        c.hold(cache, 'other')
        ask(c, template)
      },
      ends: async (c) => {
        c.drop(cache, 'other')
        await c.operator.rest()
        c.make(cache, 'other')
      },
    },
  ]),
  {
    ...{ reason: 'ReferenceOverQuota', where, next },
    waits: async (c) => {
      c.make('quotas', 'main', { hard: { serverGroups: 0 } })
      await c.operator.rest()
      c.make('serverGroups', 'other')
      await c.operator.rest()
      ask(c, { serverGroupRef: to })
    },
    ends: (c) => c.set('quotas', 'main', { hard: {} }),
  },
  {
    ...{ reason: 'InstanceNotFound', where, next },
    waits: (c) => c.make('placementPreviews', 'where', { instanceRef: to }),
    ends: (c) => c.vm('other'),
  },
  {
    ...{ reason: 'InstanceDeleting', where, next },
    waits: (c) => {
      c.hold('instances', 'other')
      c.make('placementPreviews', 'where', { instanceRef: to })
    },
    ends: async (c) => {
      c.drop('instances', 'other')
      await c.operator.rest()
      c.vm('other')
    },
  },
  {
    ...{ reason: 'NodeNotFound', where, next },
    waits: (c) => c.make('placementPreviews', 'where', { drainNode: 'c3' }),
    ends: (c) => c.addNode('c3'),
  },
  {
    ...{ reason: 'ProfileStalled', where, next },
    waits: (c) => {
      c.make('schedulerProfiles', 'default', { customFilters: [{ name: 'Own', expression: 'node.name ==' }] })
      ask(c, {})
    },
    ends: (c) => c.set('schedulerProfiles', 'default', { customFilters: [] }),
  },
  {
    ...{ reason: 'SchedulerProfileNotFound', where, next },
    waits: (c) => {
      c.make('flavors', 'other', { extraSpecs: { 'nephele:scheduler_profile': 'own' } })
      ask(c, { flavorRef: to })
    },
    ends: (c) => c.make('schedulerProfiles', 'own'),
  },
]
