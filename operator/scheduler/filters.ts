// SPDX-License-Identifier: Apache-2.0
// The filters by their Nova names: all must let a node pass. To add one, append it to FILTERS; cheap ones stand first.
import type { Amounts } from './amounts.ts'
import { bandwidthOn, type Kbps } from './bandwidth.ts'
import type { NodeRow } from './node-table.ts'

export interface PlacementRequest extends InterfaceRequest {
  /** The instance's UID: identity of the claim and seed of the tie-break. */
  uid: string
  amounts: Amounts
  availabilityZone?: string
  /** Nodes that refused this machine, with the reason. */
  excluded: ReadonlyMap<string, string>
  requireKvm: boolean
}

/** What interfaces ask of a node. */
export interface InterfaceRequest {
  /** One of the ports is a vhost-user port: memory shared with a switch on DPDK. */
  needsVhostUser: boolean
  /** Those of the ports; absent: none. */
  physicalNetworks?: readonly string[]
}

export interface Filter<Request = PlacementRequest> {
  readonly name: string
  /** Why this node cannot take it, in a few words; undefined when it can. */
  refuse(node: NodeRow, request: Request): string | undefined
}

/** Those that a machine must also pass to get one more interface where it is. */
export const INTERFACE_FILTERS: readonly Filter<InterfaceRequest>[] = [
  {
    name: 'DpdkFilter',
    refuse: (node, request) =>
      request.needsVhostUser && !node.vhostUser ? 'has no DPDK switch for vhost-user ports' : undefined,
  },
  {
    name: 'ProviderNetworkFilter',
    refuse(node, request) {
      const missing = request.physicalNetworks?.find((name) => !node.physicalNetworks.includes(name))
      return missing === undefined ? undefined : `is not connected to physical network ${missing}`
    },
  },
]

export const FILTERS: readonly Filter[] = [
  {
    name: 'ComputeFilter',
    refuse(node, request) {
      if (node.hypervisor === undefined) return 'runs no machines'
      if (!node.up) return 'is down'
      return node.closed ?? request.excluded.get(node.name)
    },
  },
  {
    name: 'AvailabilityZoneFilter',
    refuse(node, request) {
      if (request.availabilityZone === undefined || node.zone === request.availabilityZone) return undefined
      return `is in zone ${node.zone ?? '(none)'}`
    },
  },
  {
    name: 'ComputeCapabilitiesFilter',
    refuse: (node, request) => (request.requireKvm && node.acceleration !== 'kvm' ? 'has no KVM' : undefined),
  },
  ...INTERFACE_FILTERS,
  {
    name: 'RamFilter',
    refuse: (node, request) =>
      short({
        ...{ free: node.memoryMiB - node.usedMemoryMiB, all: node.memoryMiB, what: 'MiB of memory' },
        ...{ wanted: request.amounts.memoryMiB + node.perMachineMiB, note: " with QEMU's own" },
        kept: node.reserved?.memoryMiB,
      }),
  },
  {
    name: 'CoreFilter',
    refuse: (node, request) =>
      short({
        ...{ free: node.vcpus - node.usedVcpus, all: node.vcpus, what: 'vCPUs' },
        ...{ wanted: request.amounts.vcpus, kept: node.reserved?.cpus },
      }),
  },
  {
    name: 'DiskFilter',
    refuse: (node, request) =>
      short({
        ...{ free: node.diskGiB - node.usedDiskGiB, all: node.diskGiB, what: 'GiB of disk' },
        ...{ wanted: request.amounts.diskGiB, kept: node.reserved?.diskGiB },
      }),
  },
  {
    name: 'BandwidthFilter',
    refuse: (node, { amounts }) =>
      Object.entries(amounts.bandwidth ?? {})
        .map(([network, wanted]) => shortOfBandwidth(node, network, wanted))
        .find((said) => said !== undefined),
  },
]

const named = (...names: string[]) => FILTERS.filter(({ name }) => names.includes(name))
/** Filters that a machine must always pass again to be resized in place. */
export const CAPABILITY_FILTERS: readonly Filter[] = named('ComputeCapabilitiesFilter')
export const ROOM_FILTERS: readonly Filter[] = named('RamFilter', 'CoreFilter', 'DiskFilter', 'BandwidthFilter')

function shortOfBandwidth(node: NodeRow, network: string, wanted: Kbps): string | undefined {
  const [all, used] = [bandwidthOn(node.bandwidth, network), bandwidthOn(node.usedBandwidth, network)]
  const said = (['egress', 'ingress'] as const).map((direction) => {
    const kbps = `${direction}Kbps` as const
    const what = `kbit/s of ${direction} on physical network ${network}`
    return short({ free: all[kbps] - used[kbps], all: all[kbps], what, wanted: wanted[kbps], kept: undefined })
  })
  return said.find((one) => one !== undefined)
}

interface Room {
  free: number
  all: number
  what: string
  wanted: number
  /** Explains what the wanted amount includes beyond the user's request. */
  note?: string
  /** The amount of the node reserved for the host. */
  kept: number | undefined
}

function short({ free, all, what, wanted, note = '', kept = 0 }: Room): string | undefined {
  if (wanted <= free) return undefined
  const reserved = kept === 0 ? '' : `; spec.reserved keeps ${kept} for the host`
  return `has ${Math.max(0, Math.floor(free))} of ${Math.floor(all)} ${what} free, ${wanted} wanted${note}${reserved}`
}
