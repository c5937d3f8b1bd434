// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import {
  COMPUTE_NODE,
  CUSTOM_KINDS,
  FLOATING_IP,
  IMAGE,
  INSTANCE,
  LOAD_BALANCER,
  NAMESPACE,
  NETWORK,
  PORT,
  ROUTER,
  SECRET,
  SUBNET,
  VOLUME,
} from '../../lib/api/kinds.ts'
import { requestOf } from '../../lib/api/match-interfaces.ts'
import type { ComputeNode, InstanceNetwork } from '../../lib/api/types.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { readNodeAnswers } from './node-answers.ts'
import { LEFT_OUT, ORDER } from './order.ts'
import { liveKey, planRestore } from './plan.ts'
import type { Archived } from './read-archive.ts'

const of = (kind: ResourceKind, name: string, parts: object = {}, metadata: object = {}): Archived => ({
  kind,
  object: {
    metadata: {
      ...{ name, uid: `uid-${name}`, resourceVersion: '1', ...metadata },
      ...(kind.namespaced ? { namespace: 'team' } : {}),
    },
    ...parts,
  },
})
const listed = [
  { type: 'Ready', status: 'True', reason: 'r', message: 'm', lastTransitionTime: '' },
  { type: 'OrphansListed', status: 'True', reason: 'Listed', message: 'm', lastTransitionTime: '' },
]
const node = (name: string, status: object = {}, spec: object = {}): ComputeNode => ({
  metadata: { name, uid: name, resourceVersion: '1' },
  spec,
  status: { conditions: listed as never, ...status },
})
const orphan = (kind: string, uid: string, what = '') => ({ kind, uid, what })
const plan = (
  archived: readonly Archived[],
  { nodes = [], live = [], lost = [] }: { nodes?: ComputeNode[]; live?: Archived[]; lost?: string[] } = {},
) =>
  planRestore(
    archived,
    new Map(live.map(({ kind, object }) => [liveKey(kind, object), object])),
    readNodeAnswers(archived, nodes, lost),
  )
const made = (found: ReturnType<typeof plan>) =>
  found.steps.filter(({ live, kind }) => !live && kind !== NAMESPACE).map(({ name }) => name)
const GOING = { deletionTimestamp: '2026-01-01T00:00:00Z' }

test('each kind is made anew, or it is said why not', () => {
  const all = [...ORDER.map(({ plural }) => plural), ...LEFT_OUT.keys()]
  expect(all.filter((plural) => !['namespaces', 'secrets'].includes(plural)).toSorted()).toEqual(
    CUSTOM_KINDS.map(({ plural }) => plural).toSorted(),
  )
})

// What a node may still have.
const placed = { spec: {}, status: { node: 'c1', epoch: 1 } }
const vm = of(INSTANCE, 'vm', placed)
const data = of(VOLUME, 'data', placed)
const MADE = ['Volume team/data', 'Instance team/vm']
const full = Array.from({ length: 32 }, (_, n) => orphan('port', `p${n}`))
const stateOf = (index: number, status: string) => listed.map((one, i) => (i === index ? { ...one, status } : one))

test.each<[string, ComputeNode[], string[], string[]]>([
  ['its node answers that it has nothing', [node('c1')], [], MADE],
  ['its node has not joined', [], [], []],
  ['another has joined, its own has not', [node('c2')], [], []],
  ['its node has not joined and is lost', [], ['c1'], MADE],
  ['its node is lost by its ComputeNode', [node('c1', { conditions: [] }, { lost: 'Confirmed' })], [], MADE],
  ['its node is not Ready', [node('c1', { conditions: stateOf(0, 'False') })], [], []],
  ['its node has not listed what it has', [node('c1', { conditions: stateOf(1, 'False') })], [], []],
  ['its node said nothing of a list', [node('c1', { conditions: listed.slice(0, 1) })], [], []],
  ['its node has no status', [node('c1', { conditions: undefined })], [], []],
  ['its node’s list is full', [node('c1', { orphans: full })], [], []],
  ['another node does not answer: it may have moved', [node('c1'), node('c2', { conditions: [] })], [], []],
  ['its node has the machine', [node('c1', { orphans: [orphan('instance', 'uid-vm')] })], [], ['Volume team/data']],
  [
    'another node has the volume',
    [node('c1'), node('c2', { orphans: [orphan('volume', 'uid-data')] })],
    [],
    ['Instance team/vm'],
  ],
  [
    'one of its name, made anew before',
    [node('c1', { orphans: [orphan('volume', 'x', 'team/data, ready, epoch 1: there is no resource of it')] })],
    [],
    ['Instance team/vm'],
  ],
  [
    'a release that is not answered',
    [node('c1', { releases: [{ kind: 'instance', uid: 'uid-vm', name: 'vm', namespace: 'team', epoch: 1 }] })],
    [],
    ['Volume team/data'],
  ],
])('%s', (_, nodes, lost, expected) => {
  const found = plan([vm, data], { nodes, lost })
  expect(made(found)).toEqual(expected)
  expect(found.withheld).toHaveLength(2 - expected.length)
})

test('nodes are known by ComputeNodes of the archive and by what still releases', () => {
  const pending = of(INSTANCE, 'vm', { spec: {}, status: { pendingReleases: [{ node: 'old', epoch: 1 }] } })
  expect(plan([pending]).withheld).toHaveLength(1)
  expect(plan([of(INSTANCE, 'vm', { spec: {} }), of(COMPUTE_NODE, 'c9')]).withheld[0]?.why).toContain('c9')
  // One that never was on any node of a cloud without nodes.
  expect(made(plan([of(INSTANCE, 'vm', { spec: {} })]))).toEqual(['Instance team/vm'])
})

test('what is being deleted is not there', () => {
  const nodes = [node('c1')]
  const there = plan([vm], { nodes, live: [vm] })
  expect([made(there), there.withheld]).toEqual([[], []])
  const flavor = of(NETWORK, 'net', { spec: {} })
  expect(plan([flavor], { live: [of(NETWORK, 'net', {}, GOING)] }).withheld[0]?.why).toContain('is being deleted')
  const going: Archived = {
    kind: NAMESPACE,
    object: { metadata: { name: 'team', uid: 'u', resourceVersion: '1', ...GOING } },
  }
  expect(plan([flavor], { live: [going] }).withheld[0]?.why).toContain('its namespace is being deleted')
})

// Addresses.
const lan: InstanceNetwork = { networkRef: { name: 'lan' } }
const automatic = (name: string, mac: string, ips: string[], more: object = {}) =>
  of(PORT, name, {
    spec: { networkRef: lan.networkRef, securityGroupRefs: [{ name: 'web' }] },
    status: {
      ...{ origin: 'Instance', macAddress: mac },
      fixedIPs: ips.map((ipAddress) => ({
        subnet: ipAddress.includes(':') ? 'v6' : 'v4',
        ipAddress,
        prefixLength: 24,
      })),
      ...more,
    },
  })
const record = (slot: number, port: string, want: InstanceNetwork = lan) => ({
  ...{ slot, port, portUID: `uid-${port}`, request: requestOf(want) },
})
const specOf = (found: ReturnType<typeof plan>, name: string) =>
  found.steps.find((one) => one.name === name)?.object.spec

test('two ports on one Network keep each its own address, by what the entries asked for and not by the Network', () => {
  const second: InstanceNetwork = { ...lan, vnicType: 'vhostuser' }
  const machine = of(INSTANCE, 'vm', {
    spec: { networks: [second, lan, lan] },
    status: { interfaces: [record(0, 'a'), record(1, 'b'), record(2, 'c', second)] },
  })
  const ports = [automatic('a', 'fa:16:3e:00:00:0a', ['10.0.0.10']), automatic('b', 'fa:16:3e:00:00:0b', ['10.0.0.11'])]
  const found = plan([machine, ...ports, automatic('c', 'fa:16:3e:00:00:0c', ['10.0.0.12'])])
  const v4 = { name: 'v4' }
  expect(specOf(found, 'Instance team/vm')).toEqual({
    networks: [
      { ...second, subnetRef: v4, ipAddress: '10.0.0.12', macAddress: 'fa:16:3e:00:00:0c' },
      { ...lan, subnetRef: v4, ipAddress: '10.0.0.10', macAddress: 'fa:16:3e:00:00:0a' },
      { ...lan, subnetRef: v4, ipAddress: '10.0.0.11', macAddress: 'fa:16:3e:00:00:0b' },
    ],
  })
  // Ports of machines come by themselves.
  expect(made(found)).toEqual(['Instance team/vm'])
})

test('an interface with two addresses gets a Port of its own that asks for both', () => {
  const machine = of(INSTANCE, 'vm', { spec: { networks: [lan] }, status: { interfaces: [record(0, 'a')] } })
  const found = plan([machine, automatic('a', 'fa:16:3e:00:00:0a', ['10.0.0.10', 'fd00::10'])])
  expect(made(found)).toEqual(['Port team/a', 'Instance team/vm'])
  expect(specOf(found, 'Instance team/vm')).toEqual({ networks: [{ portRef: { name: 'a' } }] })
  expect(specOf(found, 'Port team/a')).toEqual({
    ...{ networkRef: { name: 'lan' }, macAddress: 'fa:16:3e:00:00:0a', securityGroupRefs: [{ name: 'web' }] },
    fixedIPs: [
      { subnetRef: { name: 'v4' }, ipAddress: '10.0.0.10' },
      { subnetRef: { name: 'v6' }, ipAddress: 'fd00::10' },
    ],
  })
})

test('a Port of another UID, or on somebody else’s Network, keeps nothing, and that is said', () => {
  const foreign: InstanceNetwork = { networkRef: { name: 'lan', namespace: 'infra' } }
  const machine = of(INSTANCE, 'vm', {
    spec: { networks: [lan, foreign] },
    status: { node: 'c1', interfaces: [{ ...record(0, 'a'), portUID: 'other' }, record(1, 'b', foreign)] },
  })
  const ports = [automatic('a', 'fa:16:3e:00:00:0a', ['10.0.0.10']), automatic('b', 'fa:16:3e:00:00:0b', ['10.0.0.11'])]
  const found = plan([machine, ...ports], { nodes: [node('c1')] })
  expect(specOf(found, 'Instance team/vm')).toEqual({ networks: [lan, foreign] })
  expect(found.lost).toEqual([
    expect.stringContaining('spec.networks[0]: the archive has not its Port'),
    expect.stringContaining('10.0.0.11): only in namespace infra'),
  ])
  expect(found.steps.at(-1)?.stage).toBe('rest')
})

test('what keeps addresses comes before all who are given one; a Router keeps its outside address', () => {
  const externalGateway = { networkRef: { name: 'public', namespace: 'infra' } }
  const outside = { fixedIPs: [{ subnet: 'pub', subnetUID: 'x', ipAddress: '203.0.113.9', prefixLength: 24 }] }
  const machine = of(INSTANCE, 'vm', { spec: { networks: [lan] }, status: { interfaces: [record(0, 'a')] } })
  const archived = [
    of(LOAD_BALANCER, 'new-lb', { spec: { vip: { subnetRef: { name: 'v4' } } } }),
    of(LOAD_BALANCER, 'lb', { spec: { vip: { subnetRef: { name: 'v4' } } }, status: { vipAddress: '10.0.0.80' } }),
    of(ROUTER, 'new-router', { spec: { externalGateway } }),
    of(ROUTER, 'router', { spec: { externalGateway }, status: { externalGateway: outside } }),
    of(PORT, 'new-port', { spec: lan }),
    of(INSTANCE, 'new-vm', { spec: { networks: [lan] } }),
    ...[machine, automatic('a', 'fa:16:3e:00:00:0a', ['10.0.0.10'])],
    of(FLOATING_IP, 'ip', { spec: externalGateway, status: { ipAddress: '203.0.113.8', subnet: 'pub' } }),
    of(PORT, 'port', {
      spec: lan,
      status: { origin: 'User', macAddress: 'fa:16:3e:00:00:01', fixedIPs: [{ subnet: 'v4', ipAddress: '10.0.0.2' }] },
    }),
    of(SUBNET, 'v4', { spec: { subnetPoolRef: { name: 'p' }, prefixLength: 24 }, status: { cidr: '10.0.0.0/24' } }),
    of(NETWORK, 'lan', { spec: { provider: { providerNetworkRef: { name: 'phys' } } }, status: { segmentationID: 7 } }),
  ]
  const found = plan(archived)
  expect(found.steps.map(({ stage, name }) => `${stage}: ${name.replace('team/', '')}`)).toEqual([
    ...['ground: Namespace team', 'ground: Network lan', 'ground: Subnet v4'],
    ...['known addresses: Port port', 'known addresses: FloatingIP ip', 'known addresses: Instance vm'],
    ...['routers: Router router', 'balancers: LoadBalancer lb'],
    ...['rest: Port new-port', 'rest: Instance new-vm', 'rest: Router new-router', 'rest: LoadBalancer new-lb'],
  ])
  expect(specOf(found, 'Router team/router')).toEqual({
    externalGateway: { ...externalGateway, fixedIPs: [{ subnetRef: { name: 'pub' }, ipAddress: '203.0.113.9' }] },
  })
  expect(specOf(found, 'FloatingIP team/ip')).toMatchObject({ ipAddress: '203.0.113.8', subnetRef: { name: 'pub' } })
  expect(specOf(found, 'LoadBalancer team/lb')).toMatchObject({ vip: { ipAddress: '10.0.0.80' } })
  expect(specOf(found, 'Port team/port')).toMatchObject({ macAddress: 'fa:16:3e:00:00:01' })
  expect(specOf(found, 'Subnet team/v4')).toEqual({ subnetPoolRef: { name: 'p' }, cidr: '10.0.0.0/24' })
  expect(specOf(found, 'Network team/lan')).toMatchObject({ provider: { segmentationID: 7 } })
  expect(found.steps.flatMap(({ addresses }) => addresses)).toHaveLength(5)
})

test('an Image of a snapshot loses the marks by which the operator would remove it, and no owner goes along', () => {
  const labels = { 'app.kubernetes.io/managed-by': 'nephele', 'nephele.dev/instance-action-uid': 'u', mine: 'x' }
  const metadata = {
    ...{
      labels,
      finalizers: ['nephele.dev/release'],
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'x', a: 'b' },
    },
    ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'gone' }],
  }
  const { steps } = plan([of(IMAGE, 'snap', { spec: {}, status: { state: 'active' } }, metadata)])
  expect(steps.at(-1)?.object).toEqual({
    ...{ apiVersion: 'nephele.dev/v1alpha1', kind: 'Image', spec: {} },
    metadata: { namespace: 'team', name: 'snap', labels: { mine: 'x' }, annotations: { a: 'b' } },
  })
})

test('of Secrets only those that are named, with our labels and no others; Namespaces bare', () => {
  const secret = (name: string, more: object = {}) =>
    of(
      SECRET,
      name,
      { data: { userData: 'eA==' }, ...more },
      {
        labels: {
          'nephele.dev/user-data': 'true',
          'nephele.dev/tls': 'no',
          'pod-security.kubernetes.io/enforce': 'privileged',
        },
        annotations: { 'kubernetes.io/service-account.name': 'admin' },
      },
    )
  const refs = { userDataSecretRef: { name: 'told' }, someSecretRefs: [{ name: 'token' }, { name: 'going' }] }
  const space: Archived = {
    kind: NAMESPACE,
    object: {
      metadata: {
        name: 'team',
        uid: 'u',
        resourceVersion: '1',
        labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
      },
    },
  }
  const found = plan(
    [
      ...[of(INSTANCE, 'vm', { spec: refs }), space, secret('told'), secret('other'), secret('going')],
      secret('token', { type: 'kubernetes.io/service-account-token' }),
    ],
    { live: [of(SECRET, 'going', {}, GOING)] },
  )
  const objects = found.steps.map(({ object }) => object)
  expect(objects.slice(0, -1)).toEqual([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } },
    {
      ...{ apiVersion: 'v1', kind: 'Secret', data: { userData: 'eA==' } },
      metadata: { namespace: 'team', name: 'told', labels: { 'nephele.dev/user-data': 'true' } },
    },
  ])
  expect(found.withheld.map(({ name }) => name)).toEqual(['Secret team/going'])
})

test('objects as no apiserver gives them end in a TypeError and no plan', () => {
  const odd = { spec: { networks: 'x' }, status: { pendingReleases: 'x' } }
  expect(() => plan([of(INSTANCE, 'vm', odd as Partial<KubeObject>)])).toThrow(TypeError)
})
