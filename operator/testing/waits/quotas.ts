// SPDX-License-Identifier: Apache-2.0
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { disk, vm, type WaitRow } from './row.ts'

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

export const QUOTA_ROWS: WaitRow[] = [
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
