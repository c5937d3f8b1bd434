// SPDX-License-Identifier: Apache-2.0
import type { Reserved } from '../../../lib/node-room.ts'
import type { Aggregate } from './aggregate.ts'
import type { Amounts } from './amounts.ts'
import type { Bandwidth } from './bandwidth.ts'
import type { PciClaims, PciSupplies } from './pci-devices.ts'
import type { CellUses, HostCell, PciCells } from '../numa/host-cells.ts'

/** What many nodes have in common: filters that look at nothing else are asked once for all nodes that are alike in it. */
export interface SharedFacts {
  /** Agent and bus agree that it is alive. */
  up: boolean
  /** Why it takes no new machines although it may be up; undefined when it does. */
  closed?: string | undefined
  hypervisor?: string | undefined
  zone?: string | undefined
  /** Real acceleration: `kvm` or `qemu`. */
  acceleration?: string | undefined
  /** Its switch runs on DPDK and takes vhost-user ports. */
  vhostUser?: boolean
  /** Those that it is connected to. */
  physicalNetworks?: readonly string[]
  /** Such as QEMU. */
  hypervisorType?: string | undefined
  /** Such as 10.0.0. */
  hypervisorVersion?: string | undefined
  /** What machines can begin with there; none: an old agent's, BIOS. */
  firmware?: readonly string[]
  /** Of TPMs that machines can have there, such as 2.0. */
  tpmVersions?: readonly string[]
  /** HostAggregates that it is in, in the order of their names. */
  aggregates?: readonly Aggregate[]
}

/** What the scheduler knows of one node; everything else about it stays in ComputeNode. */
export interface NodeFacts extends SharedFacts {
  name: string
  /** What machines may use, before allocation ratios and without what is reserved for the host. */
  capacity: Amounts
  /** What is reserved for the host; only for messages. */
  reserved?: Reserved
  /** Extra memory that each machine takes on this node on top of its claim, where guests are emulated. */
  perMachineMiB?: number
  /** What may be set aside of physical networks for machines. */
  bandwidth?: Bandwidth
  /** Virtual functions on physical networks. */
  pciDevices?: PciSupplies
  /** NUMA cells; absent: not known. */
  cells?: readonly HostCell[]
  /** By physical network: on which of them its virtual functions are. */
  pciCells?: Readonly<Record<string, PciCells>>
  /** At which other nodes reach it. */
  address?: string | undefined
}

/** A node with what its machines use, as filters see it. The object may be reused for the next node: read it, never keep it. */
export interface NodeRow extends SharedFacts {
  /** Another one after each change. */
  readonly revision: number
  readonly name: string
  readonly bandwidth: Bandwidth | undefined
  readonly usedBandwidth: Bandwidth | undefined
  readonly pciDevices: PciSupplies | undefined
  readonly usedPciDevices: PciClaims | undefined
  readonly cells: readonly HostCell[] | undefined
  readonly pciCells: Readonly<Record<string, PciCells>> | undefined
  /** What machines that are placed on cells take of each; all others go where the kernel puts them, and are not counted. */
  readonly cellUses: CellUses
  /** vCPUs that each CPU may have. */
  readonly vcpuRatio: number
  readonly reserved: Reserved | undefined
  readonly perMachineMiB: number
  /** What there is for machines. */
  readonly capacity: Amounts
  /** What may be handed out: real amounts times the allocation ratio. */
  readonly vcpus: number
  readonly memoryMiB: number
  readonly diskGiB: number
  /** The same by the allocation ratios of its aggregates. */
  readonly aggregateRoom: AllocationRatios
  readonly usedVcpus: number
  /** With what each machine takes on top of its claim. */
  readonly usedMemoryMiB: number
  readonly usedDiskGiB: number
  readonly instances: number
  /** How many of its machines are being built. */
  readonly ioOps: number
  /** Machines that it refused one after the other. */
  readonly failedBuilds: number
  readonly address: string | undefined
}

/**
 * How far a node may be overcommitted, as Nova's initial_*_allocation_ratio. CPUs 4.0, because most guests idle; memory
 * and disk 1.0, because a guest that touches what it was promised and does not get it is killed or corrupts its file system.
 * https://docs.openstack.org/nova/latest/configuration/config.html (Nova's default for RAM was 1.5 until Stein: too bold here.)
 */
export interface AllocationRatios {
  vcpus: number
  memoryMiB: number
  diskGiB: number
}

export const DEFAULT_RATIOS: AllocationRatios = { vcpus: 4, memoryMiB: 1, diskGiB: 1 }
