// SPDX-License-Identifier: Apache-2.0
// Who waits for a QoSPolicy, and what a QoSPolicy waits for.
import { ns, type QuietCloud, type Where } from '../quiet-cloud.ts'
import { port, vm, type WaitRow } from './row.ts'

const policy: Where = ['qosPolicies', ns('gold')]
const gold = { qosPolicyRef: { name: 'gold' } }
const make = (c: QuietCloud, name = 'gold') =>
  c.make('qosPolicies', name, { bandwidthLimits: [{ direction: 'egress', maxKbps: 1000 }] })
const public_ = (c: QuietCloud) => {
  c.addNode('g1', {}, {}, { 'nephele.dev/network': 'gateway' })
  c.make('networks', 'public', { external: true })
  c.subnet('public', { networkRef: { name: 'public' }, cidr: '203.0.113.0/24', dhcp: { enabled: false } })
}
const out = { networkRef: { name: 'public' } }

interface User {
  where: Where
  by: string
  use: (c: QuietCloud) => void
  /** It names another. */
  leave: (c: QuietCloud, name: string) => void
}

const USERS: User[] = [
  {
    ...{ where: port, by: 'a port' },
    use: (c) => c.port('eth', gold),
    leave: (c, name) => c.set('ports', 'eth', { qosPolicyRef: { name } }),
  },
  {
    ...{ where: ['networks', ns('other')], by: 'a network' },
    use: (c) => c.make('networks', 'other', gold),
    leave: (c, name) => c.set('networks', 'other', { qosPolicyRef: { name } }),
  },
  {
    ...{ where: ['routers', ns('r')], by: 'a gateway' },
    use: (c) => {
      public_(c)
      c.make('routers', 'r', { externalGateway: { ...out, ...gold } })
    },
    leave: (c, name) => c.set('routers', 'r', { externalGateway: { ...out, qosPolicyRef: { name } } }),
  },
  {
    ...{ where: ['floatingIPs', ns('web')], by: 'a floating IP' },
    use: (c) => {
      public_(c)
      c.make('routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }], externalGateway: out })
      c.port('eth')
      c.make('floatingIPs', 'web', { ...out, ...gold, portRef: { name: 'eth' } })
    },
    leave: (c, name) => c.set('floatingIPs', 'web', { qosPolicyRef: { name } }),
  },
]

const onDc = { provider: { providerNetworkRef: { name: 'dc' } } }
const least = (minKbps: number) => ({ minimumBandwidths: [{ direction: 'egress', minKbps }] })
/** A machine with 3000 kbit/s of egress set aside, on nodes that have 5000 each. */
const setAside = async (c: QuietCloud) => {
  const bandwidth = { egressKbps: 5_000, ingressKbps: 5_000 }
  c.make('providerNetworks', 'dc', { nodes: [{ bridge: 'br-dc', bandwidth }] })
  for (const node of ['c1', 'c2']) c.operator.report(node, { physicalNetworks: [{ name: 'dc' }] })
  c.make('networks', 'wide', { ...onDc, ...gold })
  c.subnet('wide-v4', { networkRef: { name: 'wide' }, cidr: '10.9.0.0/24' })
  c.make('qosPolicies', 'gold', least(3_000))
  await c.operator.rest()
  c.vm('vm', { networks: [{ networkRef: { name: 'wide' } }] })
  await c.operator.rest()
}

const BANDWIDTH_ROWS: WaitRow[] = [
  ...(['the policy asks for less', 'the node has more'] as const).map((by): WaitRow => ({
    ...{ reason: 'NoBandwidth', of: 'BandwidthPending', by, where: vm, next: 'none' },
    waits: async (c) => {
      await setAside(c)
      c.set('qosPolicies', 'gold', least(6_000))
    },
    ends: (c) => {
      const bandwidth = { egressKbps: 9_000, ingressKbps: 5_000 }
      if (by === 'the policy asks for less') c.set('qosPolicies', 'gold', least(4_000))
      else c.set('providerNetworks', 'dc', { nodes: [{ bridge: 'br-dc', bandwidth }] })
    },
  })),
  {
    ...{ reason: 'NotOnProviderNetwork', where: port },
    waits: (c) => {
      c.make('qosPolicies', 'gold', least(3_000))
      c.port('eth', gold)
    },
    ends: (c) => c.set('qosPolicies', 'gold', { minimumBandwidths: [] }),
  },
]

export const QOS_ROWS: WaitRow[] = [
  ...BANDWIDTH_ROWS,
  ...USERS.map(({ where, by, use }): WaitRow => ({
    ...{ reason: 'QoSPolicyNotFound', by, where },
    waits: use,
    ends: (c) => make(c),
  })),
  {
    ...{ reason: 'QoSPolicyNotFound', by: 'a port, of its network', where: port },
    waits: (c) => {
      c.make('networks', 'other', gold)
      c.subnet('other-v4', { networkRef: { name: 'other' }, cidr: '10.9.0.0/24' })
      c.port('eth', { networkRef: { name: 'other' } })
    },
    ends: (c) => make(c),
  },
  ...USERS.map(({ where, by, use, leave }): WaitRow => ({
    ...{ reason: 'QoSPolicyDeleting', by, where },
    waits: (c) => {
      c.hold('qosPolicies', 'gold')
      use(c)
    },
    ends: (c) => {
      make(c, 'silver')
      leave(c, 'silver')
    },
  })),
  ...USERS.flatMap(({ where: [kind, name], by, use, leave }) =>
    (['goes', 'has another'] as const).map((end): WaitRow => ({
      ...{ reason: 'InUse', by: `${by} ${end}`, where: policy, next: 'gone' },
      waits: async (c) => {
        make(c)
        make(c, 'silver')
        use(c)
        await c.operator.rest()
        c.operator.remove('qosPolicies', ns('gold'))
      },
      ends: (c) => (end === 'goes' ? c.operator.remove(kind, name) : leave(c, 'silver')),
    })),
  ),
]
