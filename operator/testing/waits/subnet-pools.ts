// SPDX-License-Identifier: Apache-2.0
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import type { WaitRow } from './row.ts'

const mine: Where = ['subnets', ns('mine')]
const pool: Where = ['subnetPools', ns('pool')]
const scope: Where = ['addressScopes', ns('scope')]
const SMALL = { prefixes: ['10.8.0.0/24'] }
const SCOPED = { addressScopeRef: { name: 'scope' } }

const ofPool = (c: QuietCloud, name: string, spec: object = {}) => {
  c.make('networks', `net-${name}`)
  const networkRef = { name: `net-${name}` }
  c.subnet(name, { networkRef, cidr: undefined, subnetPoolRef: { name: 'pool' }, ...spec })
}
/** Another Subnet has what this one wants. */
const behind = async (c: QuietCloud, spec: object, wanted: object = {}) => {
  c.make('subnetPools', 'pool', { ...SMALL, ...spec })
  ofPool(c, 'first')
  await c.operator.rest()
  ofPool(c, 'mine', wanted)
}
const firstGoes = (c: QuietCloud) => c.operator.remove('subnets', ns('first'))

const SUBNET_ROWS: WaitRow[] = [
  {
    ...{ reason: 'SubnetPoolNotFound', where: mine },
    waits: (c) => ofPool(c, 'mine'),
    ends: (c) => c.make('subnetPools', 'pool', SMALL),
  },
  {
    ...{ reason: 'SubnetPoolDeleting', where: mine },
    waits: (c) => {
      c.hold('subnetPools', 'kept')
      ofPool(c, 'mine', { subnetPoolRef: { name: 'kept' } })
    },
    ends: async (c) => {
      c.drop('subnetPools', 'kept')
      await c.operator.rest()
      c.make('subnetPools', 'kept', SMALL)
    },
  },
  {
    ...{ reason: 'SubnetPoolNotReady', where: mine },
    waits: (c) => {
      c.make('subnetPools', 'pool', { ...SMALL, ...SCOPED })
      ofPool(c, 'mine')
    },
    ends: (c) => c.make('addressScopes', 'scope', { ipVersion: 4 }),
  },
  ...(
    [
      ['one goes', firstGoes],
      ['there are more prefixes', (c) => c.set(...named('pool'), { prefixes: ['10.8.0.0/24', '10.9.0.0/24'] })],
    ] as [string, (c: QuietCloud) => void][]
  ).map(([by, ends]): WaitRow => ({
    ...{ reason: 'NoFreeRange', by, where: mine, ends },
    waits: (c) => behind(c, {}),
  })),
  {
    ...{ reason: 'CIDRInUse', where: mine, ends: firstGoes },
    waits: (c) => behind(c, {}, { cidr: '10.8.0.0/25' }),
  },
  {
    ...{ reason: 'CIDROutsidePool', where: mine },
    waits: (c) => behind(c, {}, { cidr: '10.9.0.0/25' }),
    ends: (c) => c.set(...named('pool'), { prefixes: ['10.8.0.0/24', '10.9.0.0/24'] }),
  },
  ...(
    [
      ['it has less', firstGoes],
      ['it may have more', (c) => c.set(...named('pool'), { defaultQuota: 512 })],
    ] as [string, (c: QuietCloud) => void][]
  ).map(([by, ends]): WaitRow => ({
    ...{ reason: 'SubnetPoolQuotaExceeded', by, where: mine, ends },
    waits: (c) => behind(c, { prefixes: ['10.8.0.0/16'], defaultQuota: 256 }),
  })),
  {
    ...{ reason: 'PrefixLengthNotAllowed', where: mine, next: 'gone' },
    waits: (c) => {
      c.make('subnetPools', 'pool', SMALL)
      ofPool(c, 'mine', { prefixLength: 31 })
    },
    ends: (c) => c.operator.remove(...mine),
  },
]

const POOL_ROWS: WaitRow[] = [
  {
    ...{ reason: 'AddressScopeNotFound', where: pool },
    waits: (c) => c.make('subnetPools', 'pool', { ...SMALL, ...SCOPED }),
    ends: (c) => c.make('addressScopes', 'scope', { ipVersion: 4 }),
  },
  {
    ...{ reason: 'AddressScopeDeleting', where: pool },
    waits: (c) => {
      c.hold('addressScopes', 'scope')
      c.make('subnetPools', 'pool', { ...SMALL, ...SCOPED })
    },
    ends: async (c) => {
      c.drop('addressScopes', 'scope')
      await c.operator.rest()
      c.make('addressScopes', 'scope', { ipVersion: 4 })
    },
  },
  ...(
    [
      ['goes', (c) => c.operator.remove('subnetPools', ns('other'))],
      ['has it taken out', (c) => c.set('subnetPools', 'other', { prefixes: ['10.9.0.0/24'] })],
    ] as [string, (c: QuietCloud) => void][]
  ).map(([by, ends]): WaitRow => ({
    ...{ reason: 'CIDROverlap', by: `the other ${by}`, where: pool, ends },
    waits: async (c) => {
      c.make('addressScopes', 'scope', { ipVersion: 4 })
      c.make('subnetPools', 'other', { prefixes: ['10.0.0.0/8'], ...SCOPED })
      await c.operator.rest()
      c.make('subnetPools', 'pool', { ...SMALL, ...SCOPED })
    },
  })),
  {
    ...{ reason: 'PrefixInUse', where: pool, ends: firstGoes },
    waits: async (c) => {
      c.make('subnetPools', 'pool', SMALL)
      ofPool(c, 'first')
      await c.operator.rest()
      c.set(...named('pool'), { prefixes: ['10.9.0.0/24'] })
    },
  },
  {
    ...{ reason: 'InUse', where: pool, by: 'a Subnet', next: 'gone', ends: firstGoes },
    waits: async (c) => {
      c.make('subnetPools', 'pool', SMALL)
      ofPool(c, 'first')
      await c.operator.rest()
      c.operator.remove(...pool)
    },
  },
  {
    ...{ reason: 'InUse', where: scope, by: 'a SubnetPool', next: 'gone' },
    waits: async (c) => {
      c.make('addressScopes', 'scope', { ipVersion: 4 })
      c.make('subnetPools', 'pool', { ...SMALL, ...SCOPED })
      await c.operator.rest()
      c.operator.remove(...scope)
    },
    ends: (c) => c.operator.remove(...pool),
  },
]

function named(name: string) {
  return ['subnetPools', name] as const
}

export const SUBNET_POOL_ROWS: WaitRow[] = [...SUBNET_ROWS, ...POOL_ROWS]
