// SPDX-License-Identifier: Apache-2.0
// What a ProviderNetwork promises.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, KubeNode, Network, ProviderNetwork } from '../../../lib/api/types.ts'
import { inventoryOf } from '../../testing/inventory.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { wokenBy } from '../../testing/woken.ts'
import { providerNetworkController } from './controller.ts'
import { isConnected } from '../common/connected.ts'
import { reconcileProviderNetwork } from './reconcile.ts'

const cluster = { namespace: '' }
const RACK = { nodeSelector: { matchLabels: { rack: '1' } }, interface: 'eth1' }
const providerNetwork = (name: string, spec: Partial<ProviderNetwork['spec']> = {}, more: object = {}) =>
  stored<ProviderNetwork>(
    name,
    { type: 'flat', physicalNetwork: 'phys', nodes: [RACK], ...spec },
    { ...cluster, ...more },
  )

interface Node {
  /** What its agent says: nothing, that it is connected, or why not. */
  says?: true | string
  labels?: Record<string, string>
  roles?: NonNullable<ComputeNode['status']>['roles']
  lost?: 'Confirmed'
}
function world(nodes: Record<string, Node>): MemoryWorld {
  const w = memoryWorld()
  for (const [name, { says, labels = { rack: '1' }, roles = ['compute', 'network'], lost }] of Object.entries(nodes)) {
    w.put('nodes', stored<KubeNode>(name, {}, { ...cluster, labels }))
    const inventory = { physicalNetworks: says === true ? ['other', 'phys'] : ['other'] }
    w.put('computeNodes', stored<ComputeNode>(name, lost ? { lost } : {}, { ...cluster, status: { roles, inventory } }))
    if (typeof says === 'string')
      w.bus.publishInventory(
        inventoryOf(name, {
          physicalNetworks: [
            { name: 'x', error: 'no' },
            { name: 'phys', error: says },
          ],
        }),
      )
  }
  return w
}

describe('which nodes are connected', () => {
  const SILENT = 'its agent has not said yet that it is connected'
  test.each<[string, Record<string, Node>, object, object]>([
    [
      'all',
      { n1: { says: true }, n2: { says: true } },
      { kind: 'done' },
      { nodeCount: 2, connectedCount: 2, state: 'ACTIVE' },
    ],
    [
      'some',
      { n3: { says: true }, n2: {}, n1: { says: 'no eth1' } },
      { reason: 'NodesNotConnected', message: `2 of 3 nodes not connected: node n1: no eth1; node n2: ${SILENT}` },
      {
        nodeCount: 3,
        connectedCount: 1,
        state: 'BUILD',
        troubles: [
          { message: 'no eth1', nodeCount: 1, nodes: ['n1'] },
          { message: SILENT, nodeCount: 1, nodes: ['n2'] },
        ],
      },
    ],
    [
      'none of its labels',
      { n1: { labels: { rack: '2' } } },
      { reason: 'NoNodes', message: expect.stringContaining('matches no node') },
      { nodeCount: 0, connectedCount: 0, state: 'BUILD' },
    ],
    [
      'one without a switch',
      { n1: { roles: ['storage'] } },
      { reason: 'NoNodes' },
      { nodeCount: 0, connectedCount: 0, state: 'BUILD' },
    ],
    [
      'one that is given up',
      { n1: { lost: 'Confirmed' }, n2: { says: true } },
      { kind: 'done' },
      { nodeCount: 1, connectedCount: 1, state: 'ACTIVE' },
    ],
    [
      'a gateway alone',
      { n1: { says: true, roles: ['network', 'gateway'] } },
      { kind: 'done' },
      { nodeCount: 1, connectedCount: 1, state: 'ACTIVE' },
    ],
  ])('%s', (_, nodes, outcome, status) => {
    const one = providerNetwork('x')
    expect(reconcileProviderNetwork(one, world(nodes).deps)).toMatchObject(outcome)
    expect(one.status).toEqual(status)
  })
  test('one of which nothing is known yet does not count', () => {
    const w = world({ n1: { says: true } })
    w.put('nodes', stored<KubeNode>('n2', {}, { ...cluster, labels: { rack: '1' } }))
    w.put('computeNodes', stored<ComputeNode>('n2', {}, cluster))
    expect(reconcileProviderNetwork(providerNetwork('x'), w.deps)).toEqual({ kind: 'done' })
  })
  test('spec.nodes is empty', () => {
    const outcome = reconcileProviderNetwork(providerNetwork('x', { nodes: [] }), world({ n1: {} }).deps)
    expect(outcome).toMatchObject({
      reason: 'NoNodes',
      message: 'spec.nodes is empty: write which nodes are connected, and by what',
    })
  })
  test('many: each cause once, that of most nodes first, with no more names than fit', () => {
    const nodes = Array.from({ length: 40 }, (_, i): [string, Node] => [
      `n${i + 10}`,
      { says: i < 20 ? `no eth${i}` : 'down' },
    ])
    const one = providerNetwork('x', {}, { status: { state: 'ACTIVE', troubles: [] } })
    const outcome = reconcileProviderNetwork(one, world(Object.fromEntries(nodes)).deps)
    const text =
      '40 of 40 nodes not connected: nodes n30, n31, n32 and 17 more: down; node n10: no eth0; node n11: no eth1; and 18 more causes'
    expect(outcome).toMatchObject({ message: text })
    expect(one.status?.troubles).toHaveLength(16)
    expect(one.status?.troubles?.[0]).toEqual({ message: 'down', nodeCount: 20, nodes: ['n30', 'n31', 'n32'] })
    expect(one.status?.state).toBe('ACTIVE')
  })
  test('what is over is not said any more', () => {
    const troubles = [{ message: 'no', nodeCount: 1, nodes: ['n1'] }]
    const one = providerNetwork('x', {}, { status: { state: 'ACTIVE', troubles } })
    reconcileProviderNetwork(one, world({ n1: { says: true } }).deps)
    expect(one.status).not.toHaveProperty('troubles')
  })
  test.each([
    [['phys'], true],
    [['other'], false],
    [undefined, false],
  ])('a node that has said %j is connected: %s', (physicalNetworks, expected) => {
    const inventory = physicalNetworks ? { physicalNetworks } : {}
    expect(isConnected(stored<ComputeNode>('n', {}, { ...cluster, status: { inventory } }), 'phys')).toBe(expected)
    expect(isConnected(stored<ComputeNode>('n', {}, cluster), 'phys')).toBe(false)
  })
})

test('two that say different things of one node: the older one counts, and the other says so', () => {
  const w = world({ n1: { says: true } })
  const older = providerNetwork('older')
  const younger = providerNetwork('younger', { type: 'vlan', nodes: [{ bridge: 'br' }] })
  younger.metadata.creationTimestamp = '2026-01-05T00:00:00Z'
  for (const one of [older, younger]) w.put('providerNetworks', one)
  expect(reconcileProviderNetwork(older, w.deps)).toEqual({ kind: 'done' })
  expect(reconcileProviderNetwork(younger, w.deps)).toMatchObject({
    reason: 'MappingConflict',
    message: expect.stringContaining(
      'node n1: ProviderNetwork older connects it by interface eth1, not bridge br; change one',
    ),
  })
  expect(younger.status).toMatchObject({
    nodeCount: 1,
    connectedCount: 1,
    state: 'BUILD',
    troubles: [{ nodes: ['n1'] }],
  })
})

describe('delete', () => {
  const going = () => providerNetwork('x', {}, { deleted: true })
  test.each<[string, Network['status'], object]>([
    [
      'a Network has a segment of it',
      { physicalNetwork: 'phys' },
      { reason: 'InUse', message: 'in use by Network ns/lan: delete these first' },
    ],
    ['one would have had', {}, { kind: 'released' }],
  ])('%s', (_, status, outcome) => {
    const w = world({ n1: { says: true } })
    w.put(
      'networks',
      stored<Network>('lan', { provider: { providerNetworkRef: { name: 'x' } } }, { status: status ?? {} }),
    )
    const one = going()
    w.put('providerNetworks', one)
    expect(reconcileProviderNetwork(one, w.deps)).toMatchObject(outcome)
    expect(one.status).toMatchObject({ state: 'DELETING' })
    if ('reason' in outcome) expect(one.status?.connectedCount).toBe(1)
  })
})

describe('is woken', () => {
  const w = world({ n1: {} })
  w.put('providerNetworks', providerNetwork('x'))
  const computeNode = (spec: ComputeNode['spec'], status: ComputeNode['status']) =>
    stored<ComputeNode>('n1', spec, { ...cluster, status: status ?? {} })
  const node = (rack: string, more: object = {}) =>
    stored<KubeNode>('n1', {}, { ...cluster, labels: { rack }, ...more })
  const watches = providerNetworkController(w.deps, w.stores as never).watches ?? []
  test.each<
    [string, 'nodes' | 'computeNodes' | 'providerNetworks', KubeNode | ComputeNode, KubeNode | ComputeNode, boolean]
  >([
    ['other labels', 'nodes', node('1'), node('2'), true],
    ['a heartbeat', 'nodes', node('1'), node('1', { generation: 2 }), false],
    [
      'a connection',
      'computeNodes',
      computeNode({}, {}),
      computeNode({}, { inventory: { physicalNetworks: ['a'] } }),
      true,
    ],
    ['another role', 'computeNodes', computeNode({}, { roles: [] }), computeNode({}, { roles: ['network'] }), true],
    ['given up', 'computeNodes', computeNode({}, {}), computeNode({ lost: 'Confirmed' }, {}), true],
    ['its room', 'computeNodes', computeNode({}, {}), computeNode({}, { free: { vcpus: 1 } }), false],
    ['what another one says', 'providerNetworks', node('1'), node('1', { generation: 2 }), true],
    ['how another one is', 'providerNetworks', node('1'), node('1', { status: { nodeCount: 2 } }), false],
  ])('%s', (_, cache, old, now, expected) => {
    const wakes = watches.some(
      ({ source, when }) => source === (w.stores[cache] as never) && when?.(old, now) !== false,
    )
    expect(wakes).toBe(expected)
    expect(wokenBy(w, providerNetworkController)(cache, now)).toEqual(['x'])
  })
})
