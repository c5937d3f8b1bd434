// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../lib/errors.ts'
import { saysOf, without } from '../answers.ts'
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { automaticPort, MAC, port, vm, type WaitRow } from './row.ts'

const away = () => new TransientError('NetworkBackendUnreachable', 'away')
const onOther = { networkRef: { name: 'other' } }
/** Who asks for an address: a machine for its automatic port, or a port. */
const ASKERS: [Where, (c: QuietCloud, more: { subnet?: string; ip?: string; network?: string }) => void][] = [
  [
    vm,
    (c, { subnet, ip, network = 'lan' }) =>
      c.vm('vm', {
        networks: [
          {
            networkRef: { name: network },
            ...(subnet === undefined ? {} : { subnetRef: { name: subnet } }),
            ...(ip === undefined ? {} : { ipAddress: ip }),
          },
        ],
      }),
  ],
  [
    port,
    (c, { subnet, ip, network = 'lan' }) =>
      c.port('eth', {
        networkRef: { name: network },
        ...(subnet === undefined
          ? {}
          : { fixedIPs: [{ subnetRef: { name: subnet }, ...(ip === undefined ? {} : { ipAddress: ip }) }] }),
      }),
  ],
]

const NAME_ROWS = (['the other goes', 'the other is renamed'] as const).map((by): WaitRow => ({
  ...{ reason: 'NameInUse', by, of: 'Named', next: 'Named' },
  where: automaticPort,
  waits: async (c) => {
    c.vm('first', { hostname: 'db' })
    await c.operator.rest()
    c.vm('vm', { hostname: 'db' })
  },
  ends: (c) =>
    by === 'the other goes'
      ? c.operator.remove('instances', ns('first'))
      : c.set('instances', 'first', { hostname: 'old' }),
}))

const ADDRESS_ROWS = ASKERS.flatMap(([where, ask]): WaitRow[] => [
  {
    reason: 'NoSubnet',
    where,
    waits: (c) => {
      c.make('networks', 'other')
      ask(c, { network: 'other' })
    },
    ends: (c) => c.subnet('other-v4', { ...onOther, cidr: '10.1.0.0/24' }),
  },
  {
    reason: 'SubnetNotFound',
    where,
    waits: (c) => ask(c, { subnet: 'more' }),
    ends: (c) => c.subnet('more', { cidr: '10.1.0.0/24' }),
  },
  {
    reason: 'SubnetNotReady',
    where,
    waits: (c) => {
      c.subnet('twin', { cidr: '10.0.0.0/25' })
      ask(c, { subnet: 'twin' })
    },
    ends: (c) => c.operator.remove('subnets', ns('lan-v4')),
  },
  ...(['a machine', 'a port'] as const).map((by): WaitRow => ({
    reason: 'AddressInUse',
    by,
    where,
    waits: async (c) => {
      if (by === 'a port') c.port('first', { fixedIPs: [{ subnetRef: { name: 'lan-v4' }, ipAddress: '10.0.0.9' }] })
      else c.vm('first', { networks: [{ networkRef: { name: 'lan' }, ipAddress: '10.0.0.9' }] })
      await c.operator.rest()
      ask(c, { subnet: 'lan-v4', ip: '10.0.0.9' })
    },
    ends: (c) => c.operator.remove(by === 'a port' ? 'ports' : 'instances', ns('first')),
  })),
  ...(['one is released', 'a Subnet is added'] as const).map((by): WaitRow => ({
    reason: 'NoFreeAddress',
    by,
    where,
    waits: async (c) => {
      c.make('networks', 'other')
      c.subnet('other-v4', { ...onOther, cidr: '10.1.0.0/30' })
      c.port('first', onOther)
      await c.operator.rest()
      ask(c, { network: 'other' })
    },
    ends: (c) => {
      if (by === 'one is released') c.operator.remove('ports', ns('first'))
      else c.subnet('more', { ...onOther, cidr: '10.2.0.0/24' })
    },
  })),
])

const OPTION_ROW: WaitRow = {
  ...{ reason: 'NoDHCP', where: port },
  waits: async (c) => {
    c.make('networks', 'other')
    c.subnet('other-v4', { ...onOther, cidr: '10.1.0.0/24', dhcp: { enabled: false } })
    await c.operator.rest()
    c.port('eth', { ...onOther, extraDHCPOptions: [{ name: 'ntp-server', ipFamily: 'IPv4', value: '10.1.0.2' }] })
  },
  ends: (c) => c.set('subnets', 'other-v4', { dhcp: { enabled: true } }),
}

const THEIRS = { namespace: 'b', name: 'theirs' }
/** What others have on a shared network is in the way of the port's wish. It has its address, so none becoming free wakes it. */
const PERMISSION_ROWS = (
  [
    ['an address', { allowedAddressPairs: [{ ipAddress: '10.0.0.0/25' }] }, 'is deleted'],
    ['no port security', { portSecurityEnabled: false }, 'is deleted'],
    ['an address', { allowedAddressPairs: [{ ipAddress: '10.0.0.0/25' }] }, 'is missing from a list'],
  ] as const
).map(([wish, spec, end]): WaitRow => ({
  reason: 'NotPermitted',
  by: `${wish}, until what has it ${end}`,
  where: port,
  waits: async (c) => {
    c.set('networks', 'lan', { sharedWith: [{ namespace: '*' }] })
    c.operator.create('ports', THEIRS, { networkRef: ns('lan') })
    c.port('eth')
    await c.operator.rest()
    c.set('ports', 'eth', spec)
  },
  ends: (c) => {
    if (end === 'is deleted') c.operator.remove('ports', THEIRS)
    else c.operator.world.stores.ports.remove('b/theirs', c.operator.get('ports', THEIRS).metadata.uid)
  },
}))

export const NETWORK_ROWS: WaitRow[] = [
  ...ADDRESS_ROWS,
  ...NAME_ROWS,
  OPTION_ROW,
  {
    reason: 'MACInUse',
    where: port,
    waits: async (c) => {
      c.port('first', { macAddress: MAC })
      await c.operator.rest()
      c.port('eth', { macAddress: MAC })
    },
    ends: (c) => c.operator.remove('ports', ns('first')),
  },
  {
    reason: 'MACInUse',
    by: 'a port that got it made',
    where: port,
    waits: async (c) => {
      c.port('first')
      await c.operator.rest()
      c.port('eth', { macAddress: c.macOf('first') })
    },
    ends: (c) => c.operator.remove('ports', ns('first')),
  },
  ...(['subnets', 'ports'] as const).map((cache): WaitRow => ({
    reason: 'NetworkNotReady',
    where: [cache, ns('x')],
    waits: (c) => {
      c.operator.world.network.failNext(away())
      c.make('networks', 'other')
      c.operator.create(cache, ns('x'), { ...onOther, ...(cache === 'subnets' ? { cidr: '10.1.0.0/24' } : {}) })
    },
    // As the backend's supervision does: it has all networks reconciled once the backend answers again.
    ends: (c) => c.set('networks', 'other', { mtu: 1400 }),
    ...(cache === 'ports' ? { next: 'NoSubnet' } : {}),
  })),
  {
    reason: 'SecurityGroupNotReady',
    where: port,
    waits: (c) => {
      c.operator.world.network.failNext(away())
      c.make('securityGroups', 'other')
      c.port('eth', { securityGroupRefs: [{ name: 'other' }] })
    },
    ends: (c) => c.set('securityGroups', 'other', { description: 'again' }),
  },
  {
    reason: 'CIDROverlap',
    where: ['subnets', ns('twin')],
    waits: (c) => c.subnet('twin', { cidr: '10.0.0.0/25' }),
    ends: (c) => c.operator.remove('subnets', ns('lan-v4')),
  },
  {
    reason: 'Unbound',
    where: (c) => automaticPort(c),
    waits: (c) => {
      c.make('flavors', 'big', { memoryMiB: 6000 })
      c.vm('vm', { flavorRef: { name: 'big' } })
    },
    ends: (c) => c.addNode('c3', {}, { memoryMiB: 8000 }),
  },
  {
    reason: 'Plugging',
    where: (c) => automaticPort(c),
    waits: (c) => {
      c.operator.answer = without('port')
      c.vm('vm')
    },
    ends: (c) => c.answersAll(),
  },
  {
    reason: 'NetworkNotReady',
    where: ['routers', ns('r')],
    waits: async (c) => {
      c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }] })
      await c.operator.rest()
      c.drop('networks', 'lan')
    },
    ends: (c) => c.make('networks', 'lan'),
  },
  {
    reason: 'ClaimedElsewhere',
    where: (c) => automaticPort(c),
    waits: async (c) => {
      c.vm('vm')
      await c.operator.rest()
      const { uid } = c.operator.get(...automaticPort(c)).metadata
      c.operator.world.network.setTaken([{ uid, node: 'c2', wanted: 'c1' }])
    },
    ends: (c) => c.operator.world.network.setTaken([]),
  },
  {
    reason: 'LinkDown',
    where: (c) => automaticPort(c),
    waits: (c) => {
      c.operator.answer = saysOf('port', () => ({ state: 'plugging', facts: { ovnInstalled: true, linkUp: false } }))
      c.vm('vm')
    },
    ends: (c) => c.answersAll(),
  },
  ...PERMISSION_ROWS,
]
