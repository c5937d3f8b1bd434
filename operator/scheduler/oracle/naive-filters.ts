// SPDX-License-Identifier: Apache-2.0
// What each filter refuses, said once more: of one node, in the plainest way, and by nothing of what the scheduler itself reads it from.
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import type { PlacementRequest } from '../filters/request.ts'
import type { HostCell } from '../numa/host-cells.ts'
import { onNetworks, type NaiveCloud, type NaiveNode } from './naive-cloud.ts'

export type Profile = SchedulerProfile['spec']
/** Whether it refuses the node. */
export type NaiveFilter = (
  node: NaiveNode,
  request: PlacementRequest,
  here: { profile: Profile; cloud: NaiveCloud },
) => boolean

const wordsOf = (value: string) => value.split(',').map((word) => word.trim())
const metadataOf = (node: NaiveNode) => (node.aggregates ?? []).flatMap(({ metadata }) => Object.entries(metadata))
const valuesOf = (node: NaiveNode, key: string) =>
  metadataOf(node).flatMap(([name, value]) => (name === key ? wordsOf(value) : []))
/** The least that its aggregates say, if all that say something say a number. */
const leastOf = (node: NaiveNode, key: string, otherwise: number) => {
  const said = metadataOf(node).flatMap(([name, value]) => (name === key ? [Number(value)] : []))
  return said.length > 0 && !said.some(Number.isNaN) ? Math.min(...said) : otherwise
}
/** Of the operators those that the requests here have. */
const matches = (value: string, wanted: string) => {
  if (wanted.startsWith('>=')) return Number(value) >= Number(wanted.slice(2))
  return wanted.startsWith('<or>') ? wanted.split('<or>').some((one) => one.trim() === value) : value === wanted
}
const members = (node: NaiveNode, { group }: PlacementRequest) => (group && node.members[group.key]) ?? 0

const memoryFor = (node: NaiveNode, { amounts }: PlacementRequest) => amounts.memoryMiB + (node.perMachineMiB ?? 0)

export const NAIVE_FILTERS: Record<string, NaiveFilter> = {
  ComputeFilter: ({ hypervisor, up, closed }) => hypervisor === undefined || !up || closed !== undefined,
  RetryFilter: ({ name }, { excluded }) => excluded.has(name),
  RequestedNodeFilter: ({ name }, { hints }) => hints?.node !== undefined && hints.node !== name,
  AvailabilityZoneFilter: ({ zone }, { availabilityZone }) =>
    availabilityZone !== undefined && zone !== availabilityZone,
  ComputeCapabilitiesFilter(node, { requireKvm, flavor }) {
    const has: Record<string, string | undefined> = { acceleration: node.acceleration, availability_zone: node.zone }
    const asked = Object.entries(flavor?.extraSpecs ?? {}).filter(([key]) => key.startsWith('capabilities:'))
    const lacks = ([key, wanted]: [string, string]) => {
      const value = has[key.slice('capabilities:'.length)]
      return value === undefined || !matches(value, wanted)
    }
    return (requireKvm && node.acceleration !== 'kvm') || asked.some(lacks)
  },
  ImagePropertiesFilter(
    { hypervisorVersion, acceleration, firmware = [], tpmVersions = [] },
    { imageProperties = {} },
  ) {
    const { hw_architecture: architecture, img_hv_type: type, img_hv_requested_version: version } = imageProperties
    if (architecture !== undefined && architecture !== 'x86_64') return true
    if (type === 'kvm' && acceleration !== 'kvm') return true
    if (imageProperties['hw_firmware_type'] === 'uefi' && !firmware.includes('uefi')) return true
    if (imageProperties['os_secure_boot'] === 'required' && !firmware.includes('secure-boot')) return true
    if (imageProperties['hw_tpm_version'] === '2.0' && !tpmVersions.includes('2.0')) return true
    // The only one that is asked for here.
    return version === '>=10' && hypervisorVersion !== undefined && Number.parseInt(hypervisorVersion, 10) < 10
  },

  CoreFilter: ({ capacity, used }, { amounts }) => used.vcpus + amounts.vcpus > capacity.vcpus * 4,
  RamFilter: (node, request) => node.used.memoryMiB + memoryFor(node, request) > node.capacity.memoryMiB,
  DiskFilter: ({ capacity, used }, { amounts }) => used.diskGiB + amounts.diskGiB > capacity.diskGiB,
  AggregateCoreFilter: (node, { amounts }) =>
    node.used.vcpus + amounts.vcpus > node.capacity.vcpus * leastOf(node, 'cpu_allocation_ratio', 4),
  AggregateRamFilter(node, request) {
    const [all, wanted] = [node.capacity.memoryMiB, memoryFor(node, request)]
    return wanted > all || node.used.memoryMiB + wanted > all * leastOf(node, 'ram_allocation_ratio', 1)
  },
  AggregateDiskFilter(node, { amounts: { diskGiB } }) {
    const all = node.capacity.diskGiB
    return diskGiB > all || node.used.diskGiB + diskGiB > all * leastOf(node, 'disk_allocation_ratio', 1)
  },
  IoOpsFilter: ({ building }, _, { profile }) => building >= (profile.maxIoOpsPerHost ?? 8),
  AggregateIoOpsFilter: (node, _, { profile }) =>
    node.building >= leastOf(node, 'max_io_ops_per_host', profile.maxIoOpsPerHost ?? 8),
  NumInstancesFilter: ({ machines }, _, { profile }) => machines >= (profile.maxInstancesPerHost ?? 50),
  AggregateNumInstancesFilter: (node, _, { profile }) =>
    node.machines >= leastOf(node, 'max_instances_per_host', profile.maxInstancesPerHost ?? 50),

  SameHostFilter: ({ name }, { hints }) => hints?.sameHost?.has(name) === false,
  DifferentHostFilter: ({ name }, { hints }) => hints?.differentHost?.has(name) === true,
  SimpleCIDRAffinityFilter: ({ address }, { hints }) =>
    hints?.buildNearHostIP !== undefined &&
    address?.split('.').slice(0, 3).join() !== hints.buildNearHostIP.split('.').slice(0, 3).join(),
  // The one query that is asked here: ["<", "$num_instances", 2].
  JsonFilter: ({ machines }, { hints }) => hints?.query !== undefined && machines >= 2,
  ServerGroupAffinityFilter(node, request, { cloud }) {
    const { group } = request
    const isMember = (one: { group?: string }) => one.group === group?.key
    const hasMembers = [...cloud.claims.values()].flat().some(isMember)
    return group?.policy === 'affinity' && hasMembers && members(node, request) === 0
  },
  ServerGroupAntiAffinityFilter: (node, request) =>
    request.group?.policy === 'anti-affinity' && members(node, request) >= request.group.most,

  AggregateInstanceExtraSpecsFilter(node, { flavor }) {
    const asked = Object.entries(flavor?.extraSpecs ?? {}).map(
      ([key, wanted]) => [key.replace('aggregate_instance_extra_specs:', ''), wanted] as const,
    )
    const lacks = ([key, wanted]: readonly [string, string]) =>
      !key.includes(':') && !valuesOf(node, key).some((value) => matches(value, wanted))
    return asked.some(lacks)
  },
  AggregateImagePropertiesIsolation: (node, { imageProperties = {} }) =>
    metadataOf(node).some(([key]) => {
      const has = imageProperties[key]
      return has !== undefined && !valuesOf(node, key).includes(has)
    }),
  AggregateMultiTenancyIsolation(node, { project }) {
    const keys = metadataOf(node).flatMap(([key]) => (key.startsWith('filter_tenant_id') ? [key] : []))
    const tenants = keys.flatMap((key) => valuesOf(node, key))
    return project !== undefined && tenants.length > 0 && !tenants.includes(project)
  },
  AggregateTypeAffinityFilter(node, { flavor }) {
    const types = valuesOf(node, 'instance_type')
    return flavor !== undefined && types.length > 0 && !types.includes(flavor.name)
  },
  IsolatedHostsFilter({ name }, { image }, { profile: { isolation } }) {
    if (!isolation) return false
    const isImage = isolation.images.some((one) => `${one.namespace}/${one.name}` === image)
    const isNode = isolation.nodes.includes(name)
    return isImage ? !isNode : isNode && isolation.restrict !== false
  },

  DpdkFilter: ({ vhostUser }, { needsVhostUser }) => needsVhostUser && vhostUser !== true,
  ProviderNetworkFilter: ({ physicalNetworks = [] }, request) =>
    (request.physicalNetworks ?? []).some((network) => !physicalNetworks.includes(network)),
  BandwidthFilter: (node, { amounts: { bandwidth = {} } }) => lacksOnNetworks(node, { bandwidth }),
  PciPassthroughFilter: (node, { amounts: { pciDevices = {} } }) => lacksOnNetworks(node, { pciDevices }),
  NUMATopologyFilter: (node, request) => request.numa !== undefined && !fitsOnCells(node, request),
}

type OnNetworks = Pick<PlacementRequest['amounts'], 'bandwidth' | 'pciDevices'>

function lacksOnNetworks(node: NaiveNode, wanted: OnNetworks): boolean {
  const used = (key: string) => node.usedOnNetworks[key] ?? 0
  const supply = new Map(onNetworks({ vcpus: 0, memoryMiB: 0, diskGiB: 0, ...(node as OnNetworks) }))
  const short = onNetworks({ vcpus: 0, memoryMiB: 0, diskGiB: 0, ...wanted }).some(
    ([key, amount]) => amount > 0 && used(key) + amount > (supply.get(key) ?? 0),
  )
  // And of both kinds of Ports together: no function serves for two of them.
  const tooMany = Object.entries(wanted.pciDevices ?? {}).some(
    ([network, { direct, macvtap }]) =>
      direct + macvtap > 0 &&
      used(`${network}/direct`) + used(`${network}/macvtap`) + direct + macvtap > (supply.get(`${network}/count`) ?? 0),
  )
  return short || tooMany
}

/** Tries each way to give each of the guest's cells one of the node's. */
function fitsOnCells(node: NaiveNode, { numa, needsVhostUser, amounts }: PlacementRequest): boolean {
  const { cells, pciCells = {} } = node
  if (!cells || !numa) return false
  const near: (readonly number[])[] = []
  const polled = cells.filter(({ isPolled }) => isPolled).map(({ id }) => id)
  if (needsVhostUser && polled.length > 0) near.push(polled)
  for (const network of Object.keys(amounts.pciDevices ?? {})) {
    const { cells: known = [], elsewhere } = pciCells[network] ?? {}
    if (elsewhere !== true && known.length > 0) near.push(known)
  }
  const sizes = numa.hugepages === 'large' ? [2048] : [numa.hugepages]
  const tryFrom = (size: number | undefined, taken: readonly HostCell[]): boolean => {
    const guest = numa.cells[taken.length]
    if (!guest) return near.every((ids) => taken.some(({ id }) => ids.includes(id)))
    return cells.some((cell) => {
      const free = freeOf(cell, node)
      const memory = size === undefined ? free.memoryMiB : (free.pagesMiB[size] ?? 0)
      const cpus = numa.dedicated ? free.cpus.length : free.shared
      const isLarger = numa.dedicated === undefined && guest.vcpus.length > cell.sharedCpus
      const hasRoom = guest.memoryMiB <= memory && guest.vcpus.length <= cpus && !isLarger
      return hasRoom && !taken.includes(cell) && tryFrom(size, [...taken, cell])
    })
  }
  return sizes.some((size) => tryFrom(size, []))
}

export function freeOf(cell: HostCell, { placements }: NaiveNode) {
  const here = placements.flatMap(({ cells, pageSizeKiB }) =>
    cells.filter(({ hostCell }) => hostCell === cell.id).map((one) => ({ ...one, pageSizeKiB })),
  )
  const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0)
  const memoryIn = (size: number | undefined) =>
    sum(here.filter(({ pageSizeKiB }) => pageSizeKiB === size).map(({ memoryMiB }) => memoryMiB))
  const taken = here.flatMap(({ cpus = [], idleCpus = [] }) => [...cpus, ...idleCpus])
  const sharing = here.filter(({ cpus }) => cpus === undefined).map(({ vcpus }) => vcpus.length)
  const pages = cell.hugepages.map(({ sizeKiB, count }) => [sizeKiB, (count * sizeKiB) / 1024 - memoryIn(sizeKiB)])
  return {
    taken,
    cpus: cell.cores.flat().filter((cpu) => !taken.includes(cpu)),
    shared: cell.sharedCpus * 4 - sum(sharing),
    memoryMiB: cell.memoryMiB - memoryIn(undefined),
    pagesMiB: Object.fromEntries(pages) as Record<number, number>,
  }
}
