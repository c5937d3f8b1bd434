// SPDX-License-Identifier: Apache-2.0
// An object being deleted stays until its users are gone.
import type { Caches } from '../../kind/row.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import type { WaitRow } from './row.ts'

interface Use {
  where: Where
  by: string
  /** Creates the user. */
  use: (cloud: QuietCloud) => void
  /** The user goes, or no longer uses it. */
  leave: (cloud: QuietCloud) => void
}

const goes = (cache: keyof Caches, name: string) => (c: QuietCloud) => c.operator.remove(cache, ns(name))
const onDisk = { volumes: [{ volumeRef: { name: 'disk' } }] }
const withDisk = (c: QuietCloud) => {
  c.volume('disk')
  c.vm('vm', onDisk)
}

const USES: Use[] = [
  { where: ['images', ns('guest')], by: 'a machine', use: (c) => c.vm('vm'), leave: goes('instances', 'vm') },
  {
    where: ['keyPairs', ns('key')],
    by: 'a machine',
    use: (c) => {
      c.make('keyPairs', 'key')
      c.vm('vm', { keyPairRef: { name: 'key' } })
    },
    leave: goes('instances', 'vm'),
  },
  {
    where: ['serverGroups', ns('apart')],
    by: 'a machine',
    use: (c) => {
      c.make('serverGroups', 'apart')
      c.vm('vm', { serverGroupRef: { name: 'apart' } })
    },
    leave: goes('instances', 'vm'),
  },
  ...(['goes', 'leaves it'] as const).map((end): Use => ({
    where: ['subnets', ns('lan-v4')],
    by: `a router that ${end}`,
    use: (c) => c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }] }),
    leave: (c) => {
      if (end === 'goes') c.operator.remove('routers', ns('r'))
      else c.set('routers', 'r', { interfaces: [] })
    },
  })),
  ...(['goes', 'leaves it'] as const).map((end): Use => ({
    where: ['ports', ns('eth')],
    by: `a router that ${end}`,
    use: (c) => {
      c.port('eth')
      c.make('routers', 'r', { interfaces: [{ portRef: { name: 'eth' } }] })
    },
    leave: (c) => {
      if (end === 'goes') c.operator.remove('routers', ns('r'))
      else c.set('routers', 'r', { interfaces: [] })
    },
  })),
  {
    where: ['networks', ns('lan')],
    by: 'a subnet',
    use: () => undefined,
    leave: goes('subnets', 'lan-v4'),
  },
  {
    where: ['networks', ns('lan')],
    by: 'a port and its subnet',
    use: (c) => c.port('eth'),
    leave: (c) => {
      c.operator.remove('ports', ns('eth'))
      c.operator.remove('subnets', ns('lan-v4'))
    },
  },
  {
    where: ['imageStores', { name: 'main' }],
    by: 'an Image',
    use: (c) => {
      c.imageStore('main', ['s1'], { default: true })
      c.vm('vm')
      c.make('instanceActions', 'snap', { instanceRef: { name: 'vm' }, type: 'Snapshot' })
    },
    leave: goes('images', 'snap'),
  },
  { where: ['subnets', ns('lan-v4')], by: 'a port', use: (c) => c.port('eth'), leave: goes('ports', 'eth') },
  { where: ['subnets', ns('lan-v4')], by: 'a machine', use: (c) => c.vm('vm'), leave: goes('instances', 'vm') },
  {
    where: ['securityGroups', ns('web')],
    by: 'a port',
    use: (c) => {
      c.make('securityGroups', 'web')
      c.port('eth', { securityGroupRefs: [{ name: 'web' }] })
    },
    leave: (c) => c.set('ports', 'eth', { securityGroupRefs: [] }),
  },
  {
    where: ['securityGroups', ns('web')],
    by: 'a rule',
    use: (c) => {
      c.make('securityGroups', 'web')
      c.make('securityGroups', 'db', { rules: [{ direction: 'ingress', remoteGroupRef: { name: 'web' } }] })
    },
    leave: (c) => c.set('securityGroups', 'db', { rules: [] }),
  },
  {
    where: ['addressGroups', ns('partners')],
    by: 'a rule',
    use: (c) => {
      c.make('addressGroups', 'partners')
      c.make('securityGroups', 'db', { rules: [{ direction: 'ingress', remoteAddressGroupRef: { name: 'partners' } }] })
    },
    leave: (c) => c.set('securityGroups', 'db', { rules: [] }),
  },
  {
    where: ['ports', ns('eth')],
    by: 'a machine',
    use: (c) => {
      c.port('eth')
      c.vm('vm', { networks: [{ portRef: { name: 'eth' } }] })
    },
    leave: goes('instances', 'vm'),
  },
  {
    where: ['volumes', ns('disk')],
    by: 'a machine that names it no longer',
    use: withDisk,
    leave: (c) => c.set('instances', 'vm', { volumes: [] }),
  },
  { where: ['volumes', ns('disk')], by: 'a machine', use: withDisk, leave: goes('instances', 'vm') },
  {
    where: ['storagePools', { name: 'files' }],
    by: 'a volume',
    use: (c) => c.volume('disk'),
    leave: goes('volumes', 'disk'),
  },
  ...(
    [
      ['a machine', (c) => c.vm('vm'), goes('instances', 'vm')],
      ['its labels', () => undefined, (c) => c.label('c3', { 'nephele.dev/compute': undefined })],
      ['its Node', () => undefined, (c) => c.operator.remove('nodes', { name: 'c3' })],
    ] as [string, (c: QuietCloud) => void, (c: QuietCloud) => void][]
  ).map(([by, use, leave]): Use => ({
    where: ['computeNodes', { name: 'c3' }],
    by,
    use: (c) => {
      c.addNode('c3', {}, { cpus: 64, memoryMiB: 65_536, diskGiB: 999 })
      use(c)
    },
    leave: (c) => {
      if (by === 'a machine') c.operator.remove('nodes', { name: 'c3' })
      leave(c)
    },
  })),
]

export const IN_USE_ROWS: WaitRow[] = USES.map(({ where, by, use, leave }) => ({
  reason: 'InUse',
  where,
  by,
  waits: async (c) => {
    use(c)
    await c.operator.rest()
    c.operator.remove(...where)
  },
  ends: leave,
  next: 'gone',
}))
