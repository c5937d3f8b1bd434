// SPDX-License-Identifier: Apache-2.0
// What is decided for all nodes at once, against a plain walk over them that asks every filter about every node.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseNode } from './choose.ts'
import { ALL_FILTERS } from './filters/all.ts'
import { policyOf } from './policy.ts'
import { DEFAULT_WEIGHERS } from './weighers/all.ts'
import type { ExtraSpecs } from './filters/extra-specs.ts'
import type { FilterSettings } from './filters/settings.ts'
import { whyRefused } from './filters/filter.ts'
import type { Aggregate } from './nodes/aggregate.ts'
import type { NodeFacts, NodeRow } from './nodes/node-facts.ts'
import type { PlacementRequest } from './filters/request.ts'
import type { HostCell } from './numa/host-cells.ts'
import { numaWishOf } from './numa/numa-wish.ts'
import { Scheduler } from './scheduler.ts'

/** Which filters there are, and in which order, is the profile's: here all at once. */
const SETTINGS: FilterSettings = {
  maxInstancesPerHost: 3,
  maxIoOpsPerHost: 2,
  isolation: { nodes: new Set(['n0', 'a']), images: new Set(['ns/win']), restrict: true },
}
const EVERY = policyOf(ALL_FILTERS, DEFAULT_WEIGHERS, SETTINGS)

const few = (max: number) => fc.integer({ min: 0, max })
const names = fc.constantFrom('n0', 'n1', 'n2', 'n10', 'n11', 'a', 'b-1', 'b')
const networks = fc.subarray(['dc', 'wan'])
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const kbps = fc.record({ egressKbps: few(3), ingressKbps: few(3) })
const functions = fc.record({ count: few(3), direct: few(3), macvtap: few(3) })
const AGGREGATES: Aggregate[] = [
  { name: 'fast', metadata: { ssd: 'true', cpu_allocation_ratio: '1', max_instances_per_host: '1' } },
  { name: 'large', metadata: { instance_type: 'big', ssd: 'false' } },
  { name: 'red', metadata: { filter_tenant_id: 'red' } },
  { name: 'windows', metadata: { os_distro: 'windows, debian' } },
]
const hostCells: fc.Arbitrary<HostCell[]> = fc.constantFrom(
  [],
  [
    {
      id: 0,
      sharedCpus: 2,
      cores: [
        [2, 4],
        [3, 5],
      ],
      memoryMiB: 9,
      hugepages: [{ sizeKiB: 2048, count: 2 }],
    },
  ],
  [
    { id: 0, sharedCpus: 1, cores: [[1]], memoryMiB: 4, hugepages: [] },
    { id: 1, sharedCpus: 0, cores: [[2], [3]], memoryMiB: 4, hugepages: [{ sizeKiB: 2048, count: 3 }] },
  ],
)
const numaWish = fc
  .record(
    {
      'hw:cpu_policy': fc.constantFrom('dedicated', 'shared'),
      'hw:numa_nodes': fc.constantFrom('1', '2'),
      'hw:mem_page_size': fc.constantFrom('2MB', 'small', 'large'),
    },
    { requiredKeys: ['hw:numa_nodes'] },
  )
  .map((specs) => numaWishOf({ vcpus: 2, memoryMiB: 4 }, specs)!)
const facts: fc.Arbitrary<NodeFacts> = fc.record(
  {
    name: names,
    up: fc.constantFrom(true, true, true, false),
    closed: optional(fc.constantFrom('is closed')),
    hypervisor: fc.constantFrom('libvirt', 'libvirt', undefined),
    zone: optional(fc.constantFrom('z1', 'z2')),
    acceleration: optional(fc.constantFrom('kvm', 'qemu')),
    capacity: fc.record({ vcpus: few(3), memoryMiB: few(9), diskGiB: few(9) }),
    perMachineMiB: few(2),
    vhostUser: fc.boolean(),
    physicalNetworks: networks,
    bandwidth: fc.record({ dc: kbps, wan: kbps }),
    pciDevices: fc.record({ dc: functions }),
    cells: hostCells,
    aggregates: fc.subarray(AGGREGATES),
    hypervisorVersion: fc.constantFrom('9.1', '10.0.2'),
    address: fc.constantFrom('10.0.0.1', '10.0.1.1'),
  },
  { requiredKeys: ['name', 'up', 'capacity'] },
)
const POLICIES = fc.constantFrom(...(['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] as const))
const request: fc.Arbitrary<PlacementRequest> = fc.record(
  {
    uid: fc.constantFrom('u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8'),
    amounts: fc.record(
      {
        ...{ vcpus: few(3), memoryMiB: few(4), diskGiB: few(3), bandwidth: fc.record({ dc: kbps }) },
        pciDevices: fc.record({ dc: fc.record({ direct: few(2), macvtap: few(2) }) }),
      },
      { requiredKeys: ['vcpus', 'memoryMiB', 'diskGiB'] },
    ),
    availabilityZone: fc.constantFrom('z1', 'z2'),
    excluded: fc.dictionary(names, fc.constant('refused it')).map((some) => new Map(Object.entries(some))),
    requireKvm: fc.boolean(),
    needsVhostUser: fc.boolean(),
    physicalNetworks: networks,
    project: fc.constantFrom('red', 'blue'),
    group: fc.record({ key: fc.constantFrom('red/g', 'red/h'), policy: POLICIES, most: fc.constantFrom(1, 1, 2) }),
    flavor: fc.record({
      name: fc.constantFrom('big', 'small'),
      extraSpecs: fc.constantFrom<ExtraSpecs>({}, {}, { ssd: 'true' }),
    }),
    numa: numaWish,
    imageProperties: fc.constantFrom<Record<string, string>>(
      { os_distro: 'debian' },
      { img_hv_requested_version: '>=10' },
    ),
    image: fc.constantFrom('ns/win', 'ns/bsd'),
    hints: fc.record(
      {
        sameHost: fc.subarray(['n0', 'n1', 'b']).map((some) => new Set(some)),
        differentHost: fc.subarray(['n0', 'n1', 'gone']).map((some) => new Set(some)),
        buildNearHostIP: fc.constant('10.0.0.9'),
        query: fc.constant('["<", "$num_instances", 2]'),
        node: names,
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['uid', 'amounts', 'excluded', 'requireKvm', 'needsVhostUser'] },
)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ put: facts }) },
  { weight: 1, arbitrary: fc.record({ remove: names }) },
  { weight: 1, arbitrary: fc.record({ forget: fc.constantFrom('u1', 'u2', 'u3') }) },
  { weight: 4, arbitrary: fc.record({ place: request }) },
)

/** As Nova's documentation has it, one node after the other. */
function walk(nodes: readonly NodeRow[], wanted: PlacementRequest) {
  const refused = new Map<string, string[]>()
  const passed: NodeRow[] = []
  for (const node of nodes) {
    const filter = EVERY.filters.find((one) => whyRefused(one, node, wanted) !== undefined)
    if (!filter) passed.push(node)
    else refused.set(filter.name, [...(refused.get(filter.name) ?? []), node.name])
  }
  const { policy, membersOn } = wanted.group ?? {}
  const members = (node: NodeRow) => membersOn?.get(node.name) ?? 0
  const weights = [
    (node: NodeRow) => node.memoryMiB - node.usedMemoryMiB,
    (node: NodeRow) => node.vcpus - node.usedVcpus,
    (node: NodeRow) => node.diskGiB - node.usedDiskGiB,
    (node: NodeRow) => -node.ioOps,
    (node: NodeRow) => (policy === 'soft-affinity' ? members(node) : 0),
    (node: NodeRow) => (policy === 'soft-anti-affinity' ? -members(node) : 0),
  ].map((weigh) => {
    const all = passed.map(weigh)
    const [min, max] = [Math.min(...all), Math.max(...all)]
    return (node: NodeRow) => (max > min ? (weigh(node) - min) / (max - min) : 0)
  })
  const totalOf = (node: NodeRow) => weights.reduce((sum, weigh) => sum + weigh(node), 0)
  return { refused, passed, totalOf, most: Math.max(...passed.map(totalOf)) }
}

type Placed = Map<string, { node: string; group: string | undefined }>

/** Counts members one by one. */
function withMembers(request: PlacementRequest, placed: Placed): PlacementRequest {
  const { group } = request
  if (!group) return { ...request, settings: SETTINGS }
  const membersOn = new Map<string, number>()
  for (const other of placed.values())
    if (other.group === group.key) membersOn.set(other.node, (membersOn.get(other.node) ?? 0) + 1)
  return { ...request, settings: SETTINGS, group: { ...group, membersOn } }
}

test('the same nodes pass, the best of them wins and each refusal is counted where it fell', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 4, maxLength: 40 }), (steps) => {
      const scheduler = new Scheduler()
      const placed: Placed = new Map()
      for (const one of steps) {
        if ('put' in one) scheduler.putNode(one.put)
        else if ('remove' in one) scheduler.removeNode(one.remove)
        else if ('forget' in one) {
          scheduler.forget(one.forget)
          placed.delete(one.forget)
        } else {
          // Its own claim counts no more when it is placed again.
          scheduler.forget(one.place.uid)
          placed.delete(one.place.uid)
          const nodes = scheduler.nodes.list()
          const resolved = withMembers(one.place, placed)
          const want = walk(nodes, resolved)
          const choice = chooseNode(scheduler.nodes, resolved, EVERY)
          const { filters, total } = choice.explanation
          expect(total).toBe(nodes.length)
          expect(Object.fromEntries(filters.map(({ name, refused }) => [name, refused]))).toEqual(
            Object.fromEntries([...want.refused].map(([name, all]) => [name, all.length])),
          )
          for (const { name, example } of filters)
            if (example !== '') expect(example.split(' ')[0]).toBe(want.refused.get(name)?.sort()[0])
          expect(choice.ok).toBe(want.passed.length > 0)
          const winner = choice.ok && want.passed.find(({ name }) => name === choice.node)
          if (choice.ok) expect(winner && want.totalOf(winner)).toBeCloseTo(want.most, 9)
          expect(scheduler.place(one.place, EVERY)).toEqual(choice)
          if (choice.ok) placed.set(one.place.uid, { node: choice.node, group: one.place.group?.key })
        }
      }
    }),
    { numRuns: 1000 },
  )
})
