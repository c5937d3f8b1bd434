// SPDX-License-Identifier: Apache-2.0
// Clouds and requests at random: small numbers, so that they meet.
import fc from 'fast-check'
import type { ExtraSpecs } from '../filters/extra-specs.ts'
import type { GroupRequest, PlacementRequest } from '../filters/request.ts'
import type { Aggregate } from '../nodes/aggregate.ts'
import type { NodeFacts } from '../nodes/node-facts.ts'
import type { HostCell, PciCells } from '../numa/host-cells.ts'
import { numaWishOf, type NumaWish } from '../numa/numa-wish.ts'

const few = (max: number) => fc.integer({ min: 0, max })
const often = <T>(usual: T, ...others: T[]) =>
  fc.oneof({ weight: 14, arbitrary: fc.constant(usual) }, ...others.map((one) => fc.constant(one)))
export const names = fc.constantFrom('n0', 'n1', 'n2', 'n10', 'n11', 'a', 'b-1', 'b')
const uids = fc.constantFrom('u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8', 'u9', 'u10', 'u11', 'u12')
const networks = fc.subarray(['dc', 'wan'])
const kbps = fc.record({ egressKbps: few(6), ingressKbps: few(6) })
const functions = fc.record({ count: few(4), direct: few(4), macvtap: few(4) })

const AGGREGATES: Aggregate[] = [
  { name: 'fast', metadata: { ssd: 'true', cpu_allocation_ratio: '1', max_instances_per_host: '1', weight: '2' } },
  { name: 'large', metadata: { instance_type: 'big', ssd: 'false', ram_allocation_ratio: '1.5', tier: '2' } },
  { name: 'red', metadata: { filter_tenant_id: 'red', weight: '-1', max_io_ops_per_host: '1' } },
  { name: 'thin', metadata: { disk_allocation_ratio: '2', cpu_allocation_ratio: 'many', weight: 'heavy', tier: '1' } },
  { name: 'two', metadata: { filter_tenant_id_2: 'blue, red', disk_allocation_ratio: '0.5' } },
  { name: 'windows', metadata: { os_distro: 'windows, debian' } },
]
/** Lists are shared as those of a real cloud are. */
const LISTS = Array.from({ length: 2 ** AGGREGATES.length }, (_, bits) =>
  AGGREGATES.filter((_one, i) => bits & (1 << i)),
)
const aggregates = fc.oneof({ weight: 3, arbitrary: fc.constant<Aggregate[]>([]) }, fc.constantFrom(...LISTS))
const hugepages = (count: number) => [{ sizeKiB: 2048, count }]
const CELLS: HostCell[][] = [
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
      hugepages: hugepages(2),
    },
  ],
  [
    { id: 0, sharedCpus: 1, cores: [[1]], memoryMiB: 4, hugepages: [], isPolled: true },
    { id: 1, sharedCpus: 0, cores: [[2], [3]], memoryMiB: 4, hugepages: hugepages(3) },
  ],
  [
    { id: 0, sharedCpus: 1, cores: [[1]], memoryMiB: 4, hugepages: hugepages(1) },
    { id: 1, sharedCpus: 2, cores: [[2], [3]], memoryMiB: 2, hugepages: [] },
    { id: 3, sharedCpus: 1, cores: [[4, 5]], memoryMiB: 8, hugepages: hugepages(3) },
  ],
]
const pciCells = fc.constantFrom<Record<string, PciCells>>(
  ...[{}, { dc: { cells: [1] } }, { dc: { cells: [0, 3] } }, { dc: { cells: [1], elsewhere: true } }],
)

export const facts = (name: fc.Arbitrary<string>): fc.Arbitrary<NodeFacts> =>
  fc.record(
    {
      name,
      up: often(true, false),
      closed: often(undefined, 'is closed'),
      hypervisor: often<string | undefined>('libvirt', undefined),
      zone: fc.constantFrom('z1', 'z1', 'z2', undefined),
      acceleration: fc.constantFrom('kvm', 'kvm', 'qemu', undefined),
      capacity: fc.record({ vcpus: few(4), memoryMiB: fc.integer({ min: 2, max: 16 }), diskGiB: few(12) }),
      perMachineMiB: few(2),
      vhostUser: fc.boolean(),
      physicalNetworks: networks,
      bandwidth: fc.record({ dc: kbps, wan: kbps }),
      pciDevices: fc.oneof(fc.constant({}), fc.record({ dc: functions }), fc.record({ dc: functions, wan: functions })),
      cells: fc.constantFrom(...CELLS),
      pciCells,
      aggregates,
      hypervisorVersion: fc.constantFrom('9.1', '10.0.2'),
      firmware: fc.constantFrom<string[]>([], ['bios'], ['bios', 'uefi'], ['bios', 'uefi', 'secure-boot']),
      tpmVersions: fc.constantFrom<string[]>([], ['2.0']),
      address: fc.constantFrom('10.0.0.1', '10.0.0.17', '10.0.1.1'),
    },
    { requiredKeys: ['name', 'up', 'capacity', 'hypervisor', 'aggregates', 'acceleration'] },
  )

const GROUPS: GroupRequest[] = [
  { key: 'red/together', policy: 'affinity', most: 1 },
  { key: 'red/apart', policy: 'anti-affinity', most: 1 },
  { key: 'red/pairs', policy: 'anti-affinity', most: 2 },
  { key: 'red/near', policy: 'soft-affinity', most: 1 },
  { key: 'red/far', policy: 'soft-anti-affinity', most: 1 },
]
const WISHES: NumaWish[] = [
  { 'hw:numa_nodes': '1' },
  { 'hw:numa_nodes': '2' },
  { 'hw:numa_nodes': '1', 'hw:cpu_policy': 'dedicated' },
  { 'hw:numa_nodes': '2', 'hw:cpu_policy': 'dedicated', 'hw:mem_page_size': 'small' },
  { 'hw:numa_nodes': '2', 'hw:mem_page_size': '2MB' },
  { 'hw:numa_nodes': '1', 'hw:mem_page_size': 'large' },
].flatMap((specs) => numaWishOf({ vcpus: 2, memoryMiB: 4 }, specs as unknown as ExtraSpecs) ?? [])

/** Most ask for little, so that many of them run. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>, usual = 9) =>
  fc.oneof({ weight: usual, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const request = fc.record({
  uid: uids,
  size: fc.record({ vcpus: few(2), memoryMiB: few(4), diskGiB: few(3) }),
  bandwidth: rarely(fc.record({ dc: kbps })),
  pciDevices: rarely(fc.record({ dc: fc.record({ direct: few(2), macvtap: few(2) }) })),
  availabilityZone: rarely(fc.constantFrom('z1', 'z2')),
  excluded: fc.oneof({ weight: 9, arbitrary: fc.constant<string[]>([]) }, fc.array<string>(names, { maxLength: 3 })),
  requireKvm: often(false, true),
  needsVhostUser: often(false, true),
  physicalNetworks: rarely(networks),
  project: fc.constantFrom('red', 'blue', undefined),
  group: rarely(fc.constantFrom(...GROUPS), 3),
  flavor: rarely(
    fc.record({
      name: fc.constantFrom('big', 'small'),
      extraSpecs: fc.constantFrom<ExtraSpecs>(
        ...[{}, {}, { ssd: 'true' }, { 'aggregate_instance_extra_specs:tier': '>= 2' }],
        ...[{ 'capabilities:acceleration': 'kvm' }, { 'capabilities:availability_zone': '<or> z1 <or> z3' }],
      ),
    }),
  ),
  numa: rarely(fc.constantFrom(...WISHES)),
  imageProperties: rarely(
    fc.constantFrom<Record<string, string>>(
      ...[{ os_distro: 'debian' }, { os_distro: 'bsd' }, { img_hv_requested_version: '>=10' }],
      ...[{ img_hv_type: 'kvm' }, { hw_architecture: 'aarch64' }, { hw_architecture: 'x86_64' }],
      ...[{ hw_firmware_type: 'uefi', os_secure_boot: 'required' }, { hw_tpm_version: '2.0' }],
    ),
  ),
  image: rarely(fc.constantFrom('ns/win', 'ns/bsd')),
  imageUid: rarely(fc.constant('i1')),
  sameHost: rarely(fc.subarray(['n0', 'n1', 'b', 'gone']), 20),
  differentHost: rarely(fc.subarray(['n0', 'n1', 'gone'])),
  buildNearHostIP: rarely(fc.constantFrom('10.0.0.9', '10.0.1.200')),
  query: rarely(fc.constant('["<", "$num_instances", 2]')),
  node: rarely(names, 30),
})

export const requests: fc.Arbitrary<PlacementRequest> = request.map(
  ({ size, bandwidth, pciDevices, excluded, sameHost, differentHost, buildNearHostIP, query, node, ...rest }) => {
    const hints = {
      ...(sameHost && { sameHost: new Set(sameHost) }),
      ...(differentHost && { differentHost: new Set(differentHost) }),
      ...given({ buildNearHostIP, query, node }),
    }
    return {
      ...(given(rest) as Pick<PlacementRequest, 'uid' | 'requireKvm' | 'needsVhostUser'>),
      amounts: { ...size, ...(bandwidth && { bandwidth }), ...(pciDevices && { pciDevices }) },
      excluded: new Map(excluded.map((name) => [name, 'refused it'])),
      ...(Object.keys(hints).length > 0 ? { hints } : {}),
    }
  },
)

function given<T extends object>(all: T): Partial<T> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Partial<T>
}

/** What happens between two requests. */
export const changes = fc.oneof(
  { weight: 3, arbitrary: fc.record({ put: facts(names) }) },
  { weight: 1, arbitrary: fc.record({ remove: names }) },
  { weight: 2, arbitrary: fc.record({ forget: uids }) },
  { weight: 2, arbitrary: fc.record({ built: uids }) },
  { weight: 1, arbitrary: fc.record({ also: uids, on: names }) },
  { weight: 1, arbitrary: fc.record({ failed: fc.boolean(), on: names }) },
  { weight: 1, arbitrary: fc.record({ image: names, isThere: fc.boolean() }) },
)
export type Change = typeof changes extends fc.Arbitrary<infer T> ? T : never
