// SPDX-License-Identifier: Apache-2.0
// What the scheduler is told of a node, and which Nodes are nodes: by its resource, its Node and the Cloud.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, KubeNode } from '../../../lib/api/types.ts'
import { COMPUTE_NODE, MANAGED_BY_LABEL } from '../../../lib/api/kinds.ts'
import { ApiError } from '../../../lib/kube/errors.ts'
import { DEFAULT_RESERVED } from '../../../lib/node-room.ts'
import { inventoryOf } from '../../testing/inventory.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { ensureComputeNode, hypervisorOf, rolesOf, zoneOf } from './discover.ts'
import { closedBecause, toNodeFacts } from './scheduling.ts'
import { recordInventory, type NodeVerdict } from './status.ts'

const node = (labels: Record<string, string>, more: object = {}) => ({
  ...stored<KubeNode>('n1', {}, { namespace: '', labels }),
  ...more,
})
const computeNode = (spec: ComputeNode['spec'] = {}, more: object = {}) =>
  stored<ComputeNode>('n1', spec, { namespace: '', ...more })
const COMPUTE = { 'nephele.dev/compute': 'libvirt', 'topology.kubernetes.io/zone': 'z' }
const CORDONED = { spec: { unschedulable: true } }
const UP: NodeVerdict = { state: 'up', outcome: { kind: 'done' } }

describe('why it takes no new machines', () => {
  test.each<[string, ComputeNode, KubeNode | undefined, string | undefined, string | undefined]>([
    ['nothing', computeNode(), node({}), undefined, undefined],
    ['its verdict', computeNode(), undefined, 'is degraded', 'is degraded'],
    [
      'kubectl cordon before that',
      computeNode(),
      node({}, CORDONED),
      'is degraded',
      'is cordoned: kubectl uncordon it',
    ],
    ['its own spec before both', computeNode({ unschedulable: true }), node({}, CORDONED), 'is degraded', 'is closed'],
    [
      'with its reason',
      computeNode({ unschedulable: true, unschedulableReason: 'fan' }),
      node({}),
      undefined,
      'is closed: fan',
    ],
    ['a reason alone closes nothing', computeNode({ unschedulableReason: 'fan' }), node({}), undefined, undefined],
    [
      'that it goes before all',
      computeNode({ unschedulable: true }, { deleted: true }),
      node({}),
      undefined,
      'is being removed',
    ],
  ])('%s', (_, resource, kubeNode, closed, expected) => {
    const verdict = closed === undefined ? UP : { ...UP, closed }
    expect(closedBecause(resource, kubeNode, verdict)).toBe(expected)
  })
})

test('a node of which nothing is known has nothing', () => {
  const facts = toNodeFacts(computeNode(), { node: undefined, cloud: undefined, verdict: { ...UP, state: 'down' } })
  expect(facts).toMatchObject({ name: 'n1', up: false, perMachineMiB: 0, vhostUser: false, reserved: DEFAULT_RESERVED })
  expect([facts.hypervisor, facts.zone, facts.acceleration, facts.closed]).toEqual(Array(4).fill(undefined))
})

test('and, of what is known, what it is connected to', () => {
  const known = computeNode({}, { status: { inventory: { physicalNetworks: ['phys'] } } })
  const facts = (of: ComputeNode) =>
    toNodeFacts(of, { node: undefined, cloud: undefined, verdict: UP }).physicalNetworks
  expect([facts(known), facts(computeNode())]).toEqual([['phys'], []])
})

test('and its virtual functions by physical network, whatever they are', () => {
  const intel = { vendorID: '8086', productID: '154c' }
  const pciDevices = [
    { ...intel, physicalNetwork: 'dc', numaCell: 0, count: 2, direct: 2, macvtap: 1 },
    { ...intel, physicalNetwork: 'dc', numaCell: 1, count: 3, direct: 0, macvtap: 3 },
    { ...intel, physicalNetwork: 'wan', count: 1, direct: 1, macvtap: 1 },
  ]
  const known = computeNode({}, { status: { inventory: { pciDevices } } })
  expect(toNodeFacts(known, { node: undefined, cloud: undefined, verdict: UP }).pciDevices).toEqual({
    dc: { count: 5, direct: 2, macvtap: 4 },
    wan: { count: 1, direct: 1, macvtap: 1 },
  })
})

describe('and its NUMA cells', () => {
  const cpu = (id: number, core: number) => ({ id, core, socket: 0, siblings: [core, core + 2] })
  const inventory = inventoryOf('n1', {
    cpus: 6,
    dedicatedCpus: [1, 3, 9],
    numa: [
      {
        ...{ id: 0, memoryMiB: 4096, cpus: [cpu(0, 0), cpu(1, 1), cpu(2, 0), cpu(3, 1)] },
        hugepages: [{ sizeKiB: 2048, total: 512, free: 3 }],
      },
      { id: 1, memoryMiB: 1024, cpus: [cpu(8, 8), cpu(9, 9)], hugepages: [] },
    ],
  })
  const factsOf = (status: ReturnType<typeof recordInventory>, spec: ComputeNode['spec'] = {}) =>
    toNodeFacts(computeNode(spec, { status: { inventory: status } }), {
      node: undefined,
      cloud: undefined,
      verdict: UP,
    })
  test('are shown, and counted without what is kept', () => {
    const recorded = recordInventory(inventory)
    expect(recorded.cells).toEqual([
      { id: 0, sharedCPUs: '0,2', dedicatedCores: '1,3', memoryMiB: 3072, hugepages: [{ sizeKiB: 2048, count: 512 }] },
      { id: 1, sharedCPUs: '8', dedicatedCores: '9', memoryMiB: 1024, hugepages: [] },
    ])
    const facts = factsOf(recorded, { reservedHugepages: [{ cell: 0, sizeKiB: 2048, count: 500 }] })
    expect(facts.cells).toEqual([
      { id: 0, sharedCpus: 2, cores: [[1, 3]], memoryMiB: 3072, hugepages: [{ sizeKiB: 2048, count: 12 }] },
      { id: 1, sharedCpus: 1, cores: [[9]], memoryMiB: 1024, hugepages: [] },
    ])
    expect(facts.capacity.vcpus).toBe(3)
  })
  test('say where virtual functions are', () => {
    const one = { vendorID: '8086', productID: '154c', count: 1, direct: 1, macvtap: 1 }
    const pools = [
      { ...one, physicalNetwork: 'dc', numaCell: 0 },
      { ...one, physicalNetwork: 'dc', numaCell: 1 },
      { ...one, physicalNetwork: 'dc', numaCell: 1, productID: '1889' },
      { ...one, physicalNetwork: 'wan' },
    ]
    const facts = factsOf(recordInventory({ ...inventory, pciDevices: pools }))
    expect(facts.pciCells).toEqual({ dc: { cells: [0, 1] }, wan: { cells: [], elsewhere: true } })
  })
  test('without CPUs that the switch polls on, whoever else was to have them', () => {
    const recorded = recordInventory({ ...inventory, dpdk: { initialized: true, pmdCpus: [1, 2] } })
    expect(recorded.cells?.[0]).toMatchObject({ sharedCPUs: '0', dedicatedCores: '3', pmdCPUs: '1-2' })
    expect(recorded.cells?.[1]).not.toHaveProperty('pmdCPUs')
    const { cells, capacity } = factsOf(recorded)
    expect(cells?.map(({ isPolled }) => isPolled)).toEqual([true, undefined])
    // Of six: two are polled on, and two more are for machines of their own.
    expect(capacity.vcpus).toBe(2)
  })
  test('stay while its agent has no roles yet; an older one has none', () => {
    const early = { ...inventory }
    delete early.dedicatedCpus
    expect(recordInventory(early)).not.toHaveProperty('cells')
    expect(factsOf(recordInventory(early))).not.toHaveProperty('cells')
    const before = recordInventory(inventory)
    expect(recordInventory(early, before).cells).toEqual(before.cells)
  })
})

test('by its labels: hypervisor and zone, and no role for what is misspelt', () => {
  expect([hypervisorOf(node(COMPUTE)), zoneOf(node(COMPUTE))]).toEqual(['libvirt', 'z'])
  expect([hypervisorOf(undefined), zoneOf(undefined), rolesOf(undefined)]).toEqual([undefined, undefined, []])
})

describe('a Node with a role', () => {
  const failing = (error: Error) => ({ create: async () => Promise.reject(error) })
  test('becomes a ComputeNode that says who made it', async () => {
    const w = memoryWorld()
    await ensureComputeNode(node(COMPUTE), w.deps, w.run)
    const made = w.deps.caches.computeNodes.find(undefined, 'n1')
    expect([made?.kind, made?.metadata.labels?.[MANAGED_BY_LABEL]]).toEqual([COMPUTE_NODE.kind, 'nephele'])
  })
  test('has one already, or somebody is faster: that is fine; what fails is told', async () => {
    const w = memoryWorld()
    const run = (error: Error) => ({ ...w.run, client: failing(error) }) as never
    const there = new ApiError('create', 409, { reason: 'AlreadyExists', message: '' })
    expect(await ensureComputeNode(node(COMPUTE), w.deps, run(there))).toEqual({ kind: 'done' })
    await expect(ensureComputeNode(node(COMPUTE), w.deps, run(new Error('away')))).rejects.toThrow('away')
    w.put('computeNodes', computeNode())
    expect(await ensureComputeNode(node(COMPUTE), w.deps, run(new Error('asked')))).toEqual({ kind: 'done' })
  })
})
