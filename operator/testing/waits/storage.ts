// SPDX-License-Identifier: Apache-2.0
import { saysOf, without } from '../answers.ts'
import { ns, POOL, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { absenceRows, disk, type WaitRow } from './row.ts'

const pool: Where = ['storagePools', { name: 'files' }]
const image: Where = ['images', ns('other')]

/** Of a machine that nobody made. */
function claim(c: QuietCloud, state: string): void {
  const volumesAttached = [c.uidOf('disk', 'volumes')]
  c.operator.world.bus.report({
    ...c.report('instance', 'uid-of-nobody', 'c2'),
    ...{ state, facts: state === 'gone' ? {} : { volumesAttached } },
  })
}

export const STORAGE_ROWS: WaitRow[] = [
  {
    reason: 'NoDefaultVolumeType',
    where: disk,
    waits: (c) => {
      c.drop('volumeTypes', 'std')
      c.volume('disk')
    },
    ends: (c) => c.make('volumeTypes', 'usual', { default: true }),
  },
  {
    reason: 'StoragePoolNotFound',
    by: 'its type’s',
    where: disk,
    waits: (c) => {
      c.make('volumeTypes', 'other', { storagePoolRef: { name: 'fast' } })
      c.volume('disk', { volumeTypeRef: { name: 'other' } })
    },
    ends: (c) => {
      c.make('storagePools', 'fast')
      c.operator.report('s1', { pools: [POOL, { ...POOL, name: 'fast' }] })
    },
  },
  {
    reason: 'StoragePoolNotFound',
    by: 'its own',
    where: disk,
    waits: async (c) => {
      c.volume('disk')
      await c.operator.rest()
      c.drop('storagePools', 'files')
    },
    ends: (c) => c.make('storagePools', 'files'),
  },
  {
    reason: 'NoStorageNode',
    by: 'all silent',
    where: disk,
    waits: async (c) => {
      c.operator.silence('s1')
      await c.operator.rest()
      c.volume('disk')
    },
    ends: (c) => c.operator.beat('s1'),
  },
  {
    reason: 'NoStorageNode',
    by: 'none labelled',
    where: ['storagePools', { name: 'fast' }],
    waits: (c) => c.make('storagePools', 'fast', { nodeSelector: { matchLabels: { disk: 'nvme' } } }),
    ends: (c) => {
      c.label('s1', { disk: 'nvme' })
      c.operator.report('s1', { pools: [POOL, { ...POOL, name: 'fast' }] })
    },
  },
  {
    reason: 'PoolFull',
    by: 'a promised volume goes',
    where: disk,
    waits: async (c) => {
      c.operator.answer = without('volume')
      c.volume('first', { sizeGiB: 80 })
      await c.operator.rest()
      c.volume('disk', { sizeGiB: 60 })
    },
    ends: async (c) => {
      c.answersAll()
      c.operator.remove('volumes', ns('first'))
    },
  },
  {
    reason: 'PoolFull',
    by: 'a volume that was made goes',
    where: disk,
    waits: async (c) => {
      c.volume('first', { sizeGiB: 80 })
      await c.operator.rest()
      c.volume('disk', { sizeGiB: 60 })
    },
    ends: (c) => c.operator.remove('volumes', ns('first')),
  },
  {
    reason: 'PoolFull',
    by: 'the pool may promise more',
    where: disk,
    waits: (c) => c.volume('disk', { sizeGiB: 160 }),
    ends: (c) => c.set('storagePools', 'files', { overcommitPercent: 200 }),
  },
  {
    reason: 'PoolFull',
    by: 'room is made',
    where: disk,
    waits: (c) => c.volume('disk', { sizeGiB: 160 }),
    ends: (c) => c.operator.report('s1', { pools: [{ ...POOL, totalGiB: 200, freeGiB: 200 }] }),
  },
  ...(['a volume goes', 'room is made', 'the pool may promise more', 'the wish is taken back'] as const).map(
    (by): WaitRow => ({
      reason: 'PoolFull',
      by: `to grow: ${by}`,
      where: disk,
      waits: async (c) => {
        c.volume('first', { sizeGiB: 60 })
        c.volume('disk')
        await c.operator.rest()
        c.set('volumes', 'disk', { sizeGiB: 60 })
      },
      ends: (c) => {
        if (by === 'a volume goes') c.operator.remove('volumes', ns('first'))
        if (by === 'room is made') c.operator.report('s1', { pools: [{ ...POOL, totalGiB: 200, freeGiB: 200 }] })
        if (by === 'the pool may promise more') c.set('storagePools', 'files', { overcommitPercent: 200 })
        if (by === 'the wish is taken back') c.set('volumes', 'disk', { sizeGiB: 1 })
      },
    }),
  ),
  {
    reason: 'PoolUnavailable',
    where: disk,
    waits: async (c) => {
      c.volume('disk')
      await c.operator.rest()
      c.operator.report('s1', { pools: [{ ...POOL, error: 'not mounted' }] })
      await c.operator.rest()
      c.set('volumes', 'disk', { sizeGiB: 60 })
    },
    ends: (c) => c.operator.report('s1', { pools: [POOL] }),
  },
  {
    reason: 'Provisioning',
    where: disk,
    waits: (c) => {
      c.operator.answer = without('volume')
      c.volume('disk')
    },
    ends: (c) => c.answersAll(),
  },
  ...absenceRows(disk, { node: 's1', silent: 'NodeSilent', lost: 'NodeLost', begins: (c) => c.volume('disk') }),
  {
    reason: 'OwnershipUnclear',
    where: disk,
    waits: (c) => {
      c.volume('disk')
      const report = c.report('volume', c.uidOf('disk', 'volumes'), 's1')
      c.operator.world.bus.report({ ...report, state: 'available', versions: c.versions(3) })
    },
    ends: (c) =>
      c.operator.world.bus.report({
        ...c.report('volume', c.uidOf('disk', 'volumes'), 's1'),
        ...{ state: 'gone', versions: c.versions(3) },
      }),
  },
  ...[
    { by: 'for a Volume that another wants', ends: 'gone' },
    { by: 'from a node that is lost', ends: 'lost' },
  ].map(({ by, ends }): WaitRow => ({
    ...{ reason: 'VolumeClaimed', where: disk, by },
    waits: (c) => {
      c.volume('disk')
      claim(c, 'running')
      c.vm('vm', { volumes: [{ volumeRef: { name: 'disk' } }] })
    },
    ends: (c) => {
      if (ends === 'gone') claim(c, 'gone')
      else c.set('computeNodes', 'c2', { lost: 'Confirmed' })
    },
  })),
  {
    reason: 'VolumeClaimed',
    by: 'for a Volume that goes',
    where: disk,
    waits: async (c) => {
      c.volume('disk')
      await c.operator.rest()
      claim(c, 'running')
      c.operator.remove('volumes', ns('disk'))
    },
    ends: (c) => claim(c, 'gone'),
    next: 'gone',
  },
  {
    reason: 'PoolNotReported',
    where: pool,
    waits: (c) => c.operator.report('s1', { pools: [] }),
    ends: (c) => c.operator.report('s1', { pools: [POOL] }),
  },
  {
    reason: 'PoolBroken',
    where: pool,
    waits: (c) => c.operator.report('s1', { pools: [{ ...POOL, error: 'not mounted' }] }),
    ends: (c) => c.operator.report('s1', { pools: [POOL] }),
  },
  {
    reason: 'NodeSilent',
    where: pool,
    waits: (c) => c.operator.silence('s1'),
    ends: (c) => c.operator.beat('s1'),
  },
  {
    reason: 'NoImageNode',
    by: 'none labelled',
    where: image,
    waits: async (c) => {
      c.label('s1', { 'nephele.dev/image': undefined })
      await c.operator.rest()
      c.make('images', 'other')
    },
    ends: (c) => c.label('s1', { 'nephele.dev/image': 'true' }),
  },
  {
    reason: 'NoImageNode',
    by: 'all silent',
    where: image,
    waits: async (c) => {
      c.operator.silence('s1')
      await c.operator.rest()
      c.make('images', 'other')
    },
    ends: (c) => c.operator.beat('s1'),
  },
  {
    reason: 'Importing',
    where: image,
    waits: (c) => {
      c.operator.answer = without('image')
      c.make('images', 'other')
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'Importing',
    by: 'its node falls silent and another is there',
    where: image,
    waits: async (c) => {
      c.operator.answer = saysOf('image', (d) => (d.node === 's1' ? { state: 'downloading' } : undefined))
      c.make('images', 'other')
      await c.operator.rest()
      c.addNode('s2', {}, {}, { 'nephele.dev/image': 'true' })
    },
    ends: (c) => c.operator.silence('s1'),
  },
]
