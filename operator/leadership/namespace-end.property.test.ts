// SPDX-License-Identifier: Apache-2.0
// A namespace that is deleted with all that it has: in whatever order its objects are told to go, and whatever has gone before, all of
// them go, and no row, address or document is left.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createSealingKey, sealingKeyOf } from '../../lib/pki/sealed.ts'
import { LOGICAL_KINDS } from '../network/logical-kinds.ts'
import type { CacheName } from '../testing/memory-cluster.ts'
import { ns, QuietCloud } from '../testing/quiet-cloud.ts'

const PUBLIC = { networkRef: { name: 'public' } }
const GOLD = { qosPolicyRef: { name: 'gold' } }
const LISTENER = {
  ...{ name: 'http', protocol: 'tcp', port: 80, healthMonitor: {} },
  members: [{ portRef: { name: 'eth' }, port: 80 }],
}
const CONNECTION = {
  ...{ vpnServiceRef: { name: 'vpn' }, peerAddress: '198.51.100.7', peerCIDRs: ['10.77.0.0/16'] },
  preSharedKeySecretRef: { name: 'key' },
}
const WHY = { source: { portRef: { name: 'blue' } }, destination: { ipAddress: '10.0.0.9' } }
const to = (externalPort: number, more: object) => ({ protocol: 'tcp', externalPort, ...more })

/** In the order in which they can be made. */
const OBJECTS: readonly (readonly [CacheName, string, object?])[] = [
  ['qosPolicies', 'gold', { bandwidthLimits: [{ direction: 'egress', maxKbps: 10_000 }] }],
  ['addressGroups', 'partners', { addresses: ['192.0.2.0/24'] }],
  ['firewallPolicies', 'edge', { rules: [{ action: 'allow' }] }],
  ['addressScopes', 'inside'],
  ['subnetPools', 'pool', { prefixes: ['10.64.0.0/16'], addressScopeRef: { name: 'inside' } }],
  ['networks', 'pooled'],
  ['subnets', 'pooled', { networkRef: { name: 'pooled' }, subnetPoolRef: { name: 'pool' }, cidr: '10.64.0.0/26' }],
  ['ports', 'pooled', { networkRef: { name: 'pooled' } }],
  ['networks', 'public', { external: true }],
  ['subnets', 'public', { ...PUBLIC, cidr: '203.0.113.0/24', dhcp: { enabled: false } }],
  ['routers', 'r', { interfaces: [{ subnetRef: { name: 'lan-v4' } }], externalGateway: { ...PUBLIC, ...GOLD } }],
  ['firewallGroups', 'wall', { ports: [{ routerRef: { name: 'r' } }], ingress: { policyRefs: [{ name: 'edge' }] } }],
  ['keyPairs', 'key'],
  ['securityGroups', 'web', { rules: [{ direction: 'ingress', protocol: 'tcp', remoteGroupRef: { name: 'web' } }] }],
  ['securityGroups', 'shut', { rules: [{ direction: 'ingress', remoteAddressGroupRef: { name: 'partners' } }] }],
  ['ports', 'eth', { securityGroupRefs: [{ name: 'web' }, { name: 'shut' }] }],
  ['ports', 'blue', { ...GOLD }],
  ['trunks', 'trunk', { portRef: { name: 'eth' }, subports: [{ portRef: { name: 'blue' }, segmentationID: 100 }] }],
  ['volumes', 'data'],
  ['instances', 'vm', { volumes: [{ volumeRef: { name: 'data' } }], keyPairRef: { name: 'key' } }],
  ['instances', 'other', { networks: [{ portRef: { name: 'eth' } }] }],
  ['floatingIPs', 'whole', { ...PUBLIC, instanceRef: { name: 'vm' }, reclaimPolicy: 'Delete' }],
  ['floatingIPs', 'ports', { ...PUBLIC, portForwardings: [to(22, { instanceRef: { name: 'other' } })] }],
  ['floatingIPs', 'kept', { ...PUBLIC, ...GOLD }],
  ['loadBalancers', 'lb', { listeners: [LISTENER] }],
  ['floatingIPs', 'front', { ...PUBLIC, loadBalancerRef: { name: 'lb' } }],
  ['loadBalancers', 'http', { listeners: [{ ...LISTENER, protocol: 'http' }] }],
  ['vpnServices', 'vpn', { routerRef: { name: 'r' } }],
  ['vpnConnections', 'office', CONNECTION],
  ['reachabilities', 'why', { ...WHY, protocol: 'icmp' }],
]
/** What says that it is there; the others are not asked. */
const ASKED: readonly (readonly [CacheName, string])[] = [
  ...(['whole', 'ports', 'front'] as const).map((name) => ['floatingIPs', name] as const),
  ...([
    ['subnets', 'pooled'],
    ['ports', 'pooled'],
    ['routers', 'r'],
    ['firewallGroups', 'wall'],
    ['trunks', 'trunk'],
    ['loadBalancers', 'lb'],
    ['loadBalancers', 'http'],
    ['vpnServices', 'vpn'],
    ['vpnConnections', 'office'],
  ] as const),
]
const FURNISHED: readonly (readonly [CacheName, string])[] = [
  ['networks', 'lan'],
  ['subnets', 'lan-v4'],
  ['images', 'guest'],
]
const ALL = [...FURNISHED, ...OBJECTS].map(([cache, name]) => ({ cache, name }))
/** Whether the operator may do what it wants before the next one is told to go. */
const step = fc.record({ isSlow: fc.boolean() })
const order = fc.tuple(
  fc.shuffledSubarray(ALL, { minLength: ALL.length }),
  fc.array(step, { minLength: ALL.length, maxLength: ALL.length }),
)

async function furnish(): Promise<QuietCloud> {
  const c = await QuietCloud.furnished()
  c.addNode('g1', {}, { sealingKey: sealingKeyOf(createSealingKey()) }, { 'nephele.dev/network': 'gateway' })
  Object.assign(c.operator.world.deps.vpnKeys, { find: async () => ({ key: { preSharedKey: 'sixteen-characters' } }) })
  for (const [cache, name, spec] of OBJECTS) c.make(cache, name, spec ?? {})
  await c.operator.rest()
  for (const [cache, name] of ASKED) expect([name, c.operator.reason(cache, ns(name))]).toEqual([name, 'Ready'])
  return c
}

test('whatever the order', async () => {
  await fc.assert(
    fc.asyncProperty(order, async ([objects, steps]) => {
      const c = await furnish()
      const { caches } = c.operator.world.deps
      for (const [i, { cache, name }] of objects.entries()) {
        // What goes along with another may have gone.
        if (caches[cache].find('ns', name)) c.operator.remove(cache, ns(name))
        if (steps[i]?.isSlow) await c.operator.rest()
      }
      await c.operator.rest()
      expect(ALL.filter(({ cache, name }) => caches[cache].find('ns', name))).toEqual([])
      expect(caches.ports.list()).toEqual([])
      expect(caches.ipClaims.list().flatMap(({ spec }) => spec.claims)).toEqual([])
      const rows = LOGICAL_KINDS.filter((kind) => kind !== 'SecurityGroup')
      expect(rows.flatMap((kind) => [...c.operator.world.network.rows.of(kind).keys()])).toEqual([])
    }),
    { numRuns: 25 },
  )
}, 240_000)
