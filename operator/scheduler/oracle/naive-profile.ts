// SPDX-License-Identifier: Apache-2.0
// Profiles at random, and which filters and weighers each comes to, by docs/scheduling.md.
import fc from 'fast-check'
import { NAIVE_FILTERS, type NaiveFilter, type Profile } from './naive-filters.ts'
import { NAIVE_WEIGHERS, type NaiveWeigher } from './naive-weighers.ts'

/** Expressions, each with what it means. */
const FILTER_EXPRESSIONS: Record<string, (...args: Parameters<NaiveFilter>) => boolean> = {
  'node.freeDiskGiB > 2 || node.zone == "z1"': ({ capacity, used, zone }) =>
    capacity.diskGiB - used.diskGiB > 2 || zone === 'z1',
  "!('ssd' in aggregate.metadata) || 'true' in aggregate.metadata['ssd']": ({ aggregates = [] }) => {
    const said = aggregates.flatMap(({ metadata }) => metadata['ssd'] ?? [])
    return said.length === 0 || said.includes('true')
  },
  'instance.vcpus < 2 || node.vcpus >= 8': ({ capacity }, { amounts }) => amounts.vcpus < 2 || capacity.vcpus * 4 >= 8,
  'node.failedBuilds == 0 || node.ioOps == 0': ({ failedBuilds, building }) => failedBuilds === 0 || building === 0,
  "instance.namespace != 'red' || node.name != 'a'": ({ name }, { project }) => project !== 'red' || name !== 'a',
  "flavor.name != 'big' || size(aggregate.names) > 0": ({ aggregates = [] }, { flavor }) =>
    flavor?.name !== 'big' || aggregates.length > 0,
  // Fails where the image has no such property, and that refuses.
  "image.properties['os_distro'] == 'debian'": (_, { imageProperties }) => imageProperties?.['os_distro'] === 'debian',
  "instance.uid != 'u3'": (_, { uid }) => uid !== 'u3',
}
const WEIGHER_EXPRESSIONS: Record<string, NaiveWeigher> = {
  'node.freeVcpus - node.instances': ({ capacity, used, machines }) => capacity.vcpus * 4 - used.vcpus - machines,
  'node.zone == "z1" || "ssd" in aggregate.metadata ? 1 : 0': ({ zone, aggregates = [] }) =>
    zone === 'z1' || aggregates.some(({ metadata }) => 'ssd' in metadata) ? 1 : 0,
  'double(node.freeMemoryMiB) / 2.0': ({ capacity, used }) => (capacity.memoryMiB - used.memoryMiB) / 2,
  // Fails, and that counts nothing, where there is none, or no whole number.
  "int(aggregate.metadata['weight'][0])": ({ aggregates = [] }) =>
    Number(aggregates.find(({ metadata }) => 'weight' in metadata)?.metadata['weight'] ?? 0) || 0,
  "instance.uid == 'u1' && node.name == 'b' ? 5 : 0": ({ name }, { uid }) => (uid === 'u1' && name === 'b' ? 5 : 0),
}

const ALWAYS_FIRST = ['ComputeFilter', 'RetryFilter', 'RequestedNodeFilter']
const ALWAYS_LAST = [
  ...['DpdkFilter', 'ProviderNetworkFilter', 'BandwidthFilter', 'PciPassthroughFilter', 'NUMATopologyFilter'],
]
const ASKED = [
  ...['AvailabilityZoneFilter', 'SameHostFilter', 'DifferentHostFilter', 'ServerGroupAffinityFilter'],
  ...['ServerGroupAntiAffinityFilter', 'SimpleCIDRAffinityFilter', 'JsonFilter'],
]
const BY_DEFAULT = [
  ...['AvailabilityZoneFilter', 'AggregateMultiTenancyIsolation', 'AggregateImagePropertiesIsolation'],
  ...['ImagePropertiesFilter', 'ComputeCapabilitiesFilter', 'AggregateInstanceExtraSpecsFilter'],
  ...['AggregateTypeAffinityFilter', 'RamFilter', 'CoreFilter', 'DiskFilter'],
  ...ASKED.slice(1),
]
const WEIGHED_BY_DEFAULT = [
  ...['RAMWeigher', 'CPUWeigher', 'DiskWeigher', 'IoOpsWeigher', 'BuildFailureWeigher'],
  ...['ServerGroupSoftAffinityWeigher', 'ServerGroupSoftAntiAffinityWeigher', 'ImageLocalityWeigher'],
]
const ALWAYS_WEIGHED = ['ServerGroupSoftAffinityWeigher', 'ServerGroupSoftAntiAffinityWeigher']

/** All names that a profile may have. */
const NAMEABLE = {
  filters: Object.keys(NAIVE_FILTERS).filter((name) => ![...ALWAYS_FIRST, ...ALWAYS_LAST].includes(name)),
  weighers: Object.keys(NAIVE_WEIGHERS),
}

const multiplier = fc.constantFrom('-1000', '-1.5', '-1', '0', '0.25', '1', '1', '2')
const own = <T extends object>(expressions: object, more: fc.Arbitrary<T>) =>
  fc
    .array(fc.tuple(fc.constantFrom(...Object.keys(expressions)), more), { maxLength: 2 })
    .map((some) => some.map(([expression, rest], i) => ({ name: `Own${i}`, expression, ...rest })))
const few = (max: number) => fc.integer({ min: 1, max })

export const profiles: fc.Arbitrary<Profile> = fc.record(
  {
    filters: fc.shuffledSubarray(NAMEABLE.filters) as fc.Arbitrary<NonNullable<Profile['filters']>>,
    weighers: fc
      .tuple(fc.shuffledSubarray(NAMEABLE.weighers), fc.infiniteStream(fc.option(multiplier)))
      .map(([names, by]) =>
        names.map((name) => {
          const { value } = by.next() as { value: string | null }
          return { name, ...(value === null ? {} : { multiplier: value }) }
        }),
      ) as fc.Arbitrary<NonNullable<Profile['weighers']>>,
    maxInstancesPerHost: few(4),
    maxIoOpsPerHost: few(3),
    isolation: fc.record(
      {
        nodes: fc.subarray(['n0', 'a']),
        images: fc.subarray([{ namespace: 'ns', name: 'win' }]),
        restrict: fc.boolean(),
      },
      { requiredKeys: ['nodes', 'images'] },
    ),
    customFilters: own(FILTER_EXPRESSIONS, fc.constant({})),
    customWeighers: own(WEIGHER_EXPRESSIONS, fc.record({ multiplier })),
  },
  { requiredKeys: [] },
)

interface Named<T> {
  name: string
  is: T
}

/** In their order. */
export function filtersOf({ filters, isolation, customFilters = [] }: Profile): Named<NaiveFilter>[] {
  const chosen: readonly string[] = filters ?? BY_DEFAULT
  const isolated = isolation && !chosen.includes('IsolatedHostsFilter') ? ['IsolatedHostsFilter'] : []
  const named = [...chosen, ...isolated]
  const asked = ASKED.filter((name) => !named.includes(name))
  return [
    ...[...ALWAYS_FIRST, ...named, ...asked, ...ALWAYS_LAST].map((name) => ({ name, is: get(NAIVE_FILTERS, name) })),
    ...customFilters.map(({ name, expression }) => {
      const holds = get(FILTER_EXPRESSIONS, expression)
      return { name, is: (...args: Parameters<NaiveFilter>) => !holds(...args) }
    }),
  ]
}

export function weighersOf({ weighers, customWeighers = [] }: Profile): { multiplier: number; weigh: NaiveWeigher }[] {
  const named = weighers ?? WEIGHED_BY_DEFAULT.map((name) => ({ name }))
  const always = ALWAYS_WEIGHED.filter((name) => !named.some((one) => one.name === name)).map((name) => ({ name }))
  return [
    ...[...named, ...always].map((one) => {
      const weigher = get(NAIVE_WEIGHERS, one.name)
      return 'multiplier' in one && one.multiplier !== undefined
        ? { ...weigher, multiplier: Number(one.multiplier) }
        : weigher
    }),
    ...customWeighers.map(({ expression, multiplier: by = '1' }) => ({
      ...{ multiplier: Number(by), weigh: get(WEIGHER_EXPRESSIONS, expression) },
    })),
  ]
}

function get<T>(all: Record<string, T>, name: string): T {
  const found = all[name]
  if (found === undefined) throw new Error(`${name} is not known here`)
  return found
}
