// SPDX-License-Identifier: Apache-2.0
// What the scheduler is told of a node, and which Nodes are nodes: by its resource, its Node and the Cloud.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, KubeNode } from '../../../lib/api/types.ts'
import { COMPUTE_NODE, MANAGED_BY_LABEL } from '../../../lib/api/kinds.ts'
import { ApiError } from '../../../lib/kube/errors.ts'
import { DEFAULT_RESERVED } from '../../../lib/node-room.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { ensureComputeNode, hypervisorOf, rolesOf, zoneOf } from './discover.ts'
import { closedBecause, toNodeFacts } from './scheduling.ts'
import type { NodeVerdict } from './status.ts'

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
