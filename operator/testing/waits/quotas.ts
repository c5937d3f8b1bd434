// SPDX-License-Identifier: Apache-2.0
import type { CacheName } from '../memory-cluster.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { disk, port, vm, type WaitRow } from './row.ts'

const group: Where = ['securityGroups', ns('web')]
const RULE = { direction: 'ingress', protocol: 'tcp' }

const allow = (c: QuietCloud, hard: Record<string, number>): void => c.make('quotas', 'main', { hard })

/** Two want what one may have. */
function twoVolumes(c: QuietCloud): Promise<void> {
  c.volume('first')
  return c.operator.rest().then(() => c.volume('disk'))
}

const ends: [by: string, ends: (c: QuietCloud) => void | Promise<void>][] = [
  [
    'another goes',
    async (c) => {
      c.drop('volumes', 'first')
      await c.operator.rest()
    },
  ],
  ['it is raised', (c) => c.set('quotas', 'main', { hard: { volumes: 2 } })],
  ['its Quota goes', (c) => c.drop('quotas', 'main')],
]

const TO = { name: 'other' }
const LISTENER = { name: 'http', protocol: 'tcp', port: 80 }
const PUBLIC = { networkRef: { name: 'public' } }
const outside = (c: QuietCloud): void => {
  c.addNode('g1', {}, {}, { 'nephele.dev/network': 'gateway' })
  c.make('networks', 'public', { external: true })
  c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/29', dhcp: { enabled: false } })
}
const joined = (c: QuietCloud): void => c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }] })

/** What names something for which there is no room in its Quota, with the key that it counts by. */
interface OverUser {
  key: string
  target: CacheName
  spec?: object
  where: Where
  use: (c: QuietCloud) => void
  next?: string
}

const OVER_USERS: OverUser[] = [
  ...(
    [
      ['keyPairs', { keyPairRef: TO }],
      ['serverGroups', { serverGroupRef: TO }],
      ['ports', { networks: [{ portRef: TO }] }],
      ['volumes', { volumes: [{ volumeRef: TO }] }],
    ] as const
  ).map(([key, spec]): OverUser => ({ key, target: key, where: vm, use: (c) => c.vm('vm', spec) })),
  {
    ...{ key: 'networks', target: 'networks', where: vm, next: 'NoSubnet' },
    use: (c) => c.vm('vm', { networks: [{ networkRef: TO }] }),
  },
  {
    ...{ key: 'networks', target: 'networks', where: port, next: 'NoSubnet' },
    use: (c) => c.port('eth', { networkRef: TO }),
  },
  {
    ...{ key: 'securityGroups', target: 'securityGroups', where: port },
    use: (c) => c.port('eth', { securityGroupRefs: [TO] }),
  },
  {
    ...{ key: 'qosPolicies', target: 'qosPolicies', where: port },
    use: (c) => c.port('eth', { qosPolicyRef: TO }),
  },
  {
    ...{ key: 'qosPolicies', target: 'qosPolicies', where: ['networks', ns('slow')] },
    use: (c) => c.make('networks', 'slow', { qosPolicyRef: TO }),
  },
  {
    ...{ key: 'addressGroups', target: 'addressGroups', where: group },
    use: (c) => c.make('securityGroups', 'web', { rules: [{ ...RULE, remoteAddressGroupRef: TO }] }),
  },
  {
    ...{ key: 'networks', target: 'networks', where: ['subnets', ns('more')] },
    use: (c) => c.subnet('more', { networkRef: TO, cidr: '10.1.0.0/24' }),
  },
  {
    ...{ key: 'subnets', target: 'subnets', spec: { cidr: '10.1.0.0/24', networkRef: { name: 'lan' } } },
    ...{ where: ['routers', ns('r')] },
    use: (c) => c.make('routers', 'r', { interfaces: [{ subnetRef: TO }] }),
  },
  {
    ...{ key: 'subnets', target: 'subnets', spec: { cidr: '10.1.0.0/24', networkRef: { name: 'lan' } } },
    ...{ where: ['loadBalancers', ns('web')], next: 'SubnetNotRouted' },
    use: (c) => c.make('loadBalancers', 'web', { vip: { subnetRef: TO }, listeners: [LISTENER] }),
  },
  {
    ...{ key: 'qosPolicies', target: 'qosPolicies', where: ['floatingIPs', ns('web')] },
    use: (c) => {
      outside(c)
      c.make('floatingIPs', 'web', { ...PUBLIC, qosPolicyRef: TO })
    },
  },
  {
    ...{ key: 'firewallPolicies', target: 'firewallPolicies', where: ['firewallGroups', ns('edge')] },
    use: (c) => {
      joined(c)
      c.make('firewallGroups', 'edge', { ports: [{ routerRef: { name: 'r' } }], ingress: { policyRefs: [TO] } })
    },
  },
  {
    ...{ key: 'ports', target: 'ports', where: ['trunks', ns('t')] },
    use: (c) => c.make('trunks', 't', { portRef: TO }),
  },
  {
    ...{ key: 'addressScopes', target: 'addressScopes', where: ['subnetPools', ns('pool')] },
    use: (c) => c.make('subnetPools', 'pool', { addressScopeRef: TO }),
  },
  {
    ...{ key: 'subnetPools', target: 'subnetPools', where: ['subnets', ns('mine')] },
    use: (c) => {
      c.make('networks', 'net')
      c.subnet('mine', { networkRef: { name: 'net' }, cidr: undefined, subnetPoolRef: TO })
    },
  },
]

export const QUOTA_ROWS: WaitRow[] = [
  ...OVER_USERS.map(({ key, target, spec, where, use, next }): WaitRow => ({
    ...{ reason: 'ReferenceOverQuota', where, by: `${target} over quota`, ...(next === undefined ? {} : { next }) },
    waits: async (c) => {
      allow(c, { [key]: 0 })
      await c.operator.rest()
      c.make(target, 'other', spec)
      await c.operator.rest()
      use(c)
    },
    ends: (c) => c.set('quotas', 'main', { hard: {} }),
  })),
  ...ends.map(([by, ends]): WaitRow => ({
    reason: 'QuotaExceeded',
    by,
    where: disk,
    waits: (c) => {
      allow(c, { volumes: 1 })
      return twoVolumes(c)
    },
    ends,
  })),
  {
    reason: 'QuotaExceeded',
    by: 'of the Cloud',
    where: disk,
    waits: (c) => {
      c.operator.create('clouds', { name: 'default' }, { defaultQuota: { gigabytes: 1 } })
      return twoVolumes(c)
    },
    ends: (c) =>
      c.operator.change('clouds', { name: 'default' }, (spec) =>
        Object.assign(spec, { defaultQuota: { gigabytes: 2 } }),
      ),
  },
  {
    reason: 'QuotaExceeded',
    by: 'of its type',
    where: disk,
    waits: (c) => {
      allow(c, { 'gigabytes.std': 1 })
      c.volume('disk', { volumeTypeRef: { name: 'std' }, sizeGiB: 2 })
    },
    ends: (c) => c.set('quotas', 'main', { hard: { 'gigabytes.std': 2 } }),
  },
  {
    reason: 'QuotaExceeded',
    by: 'growing',
    where: disk,
    waits: async (c) => {
      allow(c, { gigabytes: 2 })
      c.volume('disk')
      await c.operator.rest()
      c.set('volumes', 'disk', { sizeGiB: 3 })
    },
    ends: (c) => c.set('quotas', 'main', { hard: { gigabytes: 3 } }),
  },
  {
    reason: 'QuotaExceeded',
    by: 'cores',
    where: vm,
    waits: async (c) => {
      allow(c, { cores: 1 })
      c.vm('first')
      await c.operator.rest()
      c.vm('vm')
    },
    ends: (c) => c.set('quotas', 'main', { hard: { cores: 2 } }),
  },
  {
    reason: 'QuotaExceeded',
    by: 'members of its group',
    where: vm,
    waits: async (c) => {
      allow(c, { serverGroupMembers: 1 })
      for (const name of ['web', 'db']) {
        c.make('serverGroups', name, { policy: 'soft-affinity' })
        c.vm(`first-${name}`, { serverGroupRef: { name } })
        await c.operator.rest()
      }
      c.vm('vm', { serverGroupRef: { name: 'web' } })
    },
    ends: (c) => c.operator.remove('instances', ns('first-web')),
  },
  {
    reason: 'QuotaExceeded',
    by: 'rules',
    where: group,
    waits: async (c) => {
      allow(c, { securityGroupRules: 5 })
      c.make('securityGroups', 'web', { rules: [RULE] })
      await c.operator.rest()
      c.set('securityGroups', 'web', { rules: [RULE, RULE, RULE, RULE, RULE, RULE] })
    },
    ends: (c) => c.set('quotas', 'main', { hard: { securityGroupRules: 10 } }),
  },
]
