// SPDX-License-Identifier: Apache-2.0
import type { Cloud, ComputeNode, HostAggregate, KubeNode, ProviderNetwork } from '../../../lib/api/types.ts'
import { DEFAULT_RESERVED, EMULATED_CODE_MIB, roomForMachines, type Reserved } from '../../../lib/node-room.ts'
import type { NodeFacts } from '../../scheduler/nodes/node-facts.ts'
import type { PciSupplies, PciSupply } from '../../scheduler/nodes/pci-devices.ts'
import { bandwidthOfNode } from '../provider-network/bandwidth.ts'
import { toAggregates } from './aggregates.ts'
import { hypervisorOf } from './discover.ts'
import { countDedicated, countPolled, pciCellsOf, toHostCells } from './numa-cells.ts'
import type { NodeVerdict } from './status.ts'

/** The node's own setting takes precedence over the Cloud's, field by field. */
export function reservedOf({ spec }: Pick<ComputeNode, 'spec'>, cloud: Cloud | undefined): Reserved {
  return { ...DEFAULT_RESERVED, ...cloud?.spec.reserved, ...spec.reserved }
}

interface NodeCircumstances {
  node: KubeNode | undefined
  cloud: Cloud | undefined
  verdict: NodeVerdict
  /** Those that count, the oldest first. */
  providerNetworks?: readonly ProviderNetwork[]
  /** Those that it is in. */
  aggregates?: readonly HostAggregate[]
}

export function toNodeFacts(
  computeNode: ComputeNode,
  { node, cloud, verdict, providerNetworks = [], aggregates = [] }: NodeCircumstances,
): NodeFacts {
  const { inventory = {}, zone } = computeNode.status ?? {}
  const { cpus = 0, memoryMiB = 0, hugepagesMiB = 0, diskGiB = 0, imageCacheGiB = 0, acceleration } = inventory
  const reserved = reservedOf(computeNode, cloud)
  const cells = toHostCells(inventory.cells, computeNode.spec.reservedHugepages)
  // Threads of the switch keep theirs busy: these are nobody's.
  const dedicatedCpus = countDedicated(cells) + countPolled(inventory.cells)
  return {
    name: computeNode.metadata.name,
    up: verdict.state === 'up',
    closed: closedBecause(computeNode, node, verdict),
    hypervisor: hypervisorOf(node),
    zone,
    capacity: roomForMachines({ cpus, dedicatedCpus, memoryMiB, hugepagesMiB, diskGiB, imageCacheGiB }, reserved),
    reserved,
    perMachineMiB: acceleration === 'qemu' ? EMULATED_CODE_MIB : 0,
    acceleration,
    hypervisorType: inventory.hypervisorType,
    hypervisorVersion: inventory.hypervisorVersion,
    firmware: inventory.firmware ?? [],
    tpmVersions: inventory.tpmVersions ?? [],
    address: inventory.address,
    vhostUser: inventory.dpdk ?? false,
    physicalNetworks: inventory.physicalNetworks ?? [],
    aggregates: toAggregates(aggregates),
    bandwidth: node ? bandwidthOfNode(node, providerNetworks) : {},
    pciDevices: pciDevicesOf(inventory.pciDevices),
    ...(cells ? { cells, pciCells: pciCellsOf(inventory.pciDevices) } : {}),
  }
}

/** By physical network, whatever they are and wherever in the node. */
function pciDevicesOf(pools: readonly PciSupplyOn[] = []): PciSupplies {
  const found = new Map<string, PciSupply>()
  for (const { physicalNetwork, count, direct, macvtap } of pools) {
    const had = found.get(physicalNetwork) ?? { count: 0, direct: 0, macvtap: 0 }
    found.set(physicalNetwork, {
      ...{ count: had.count + count, direct: had.direct + direct, macvtap: had.macvtap + macvtap },
    })
  }
  return Object.fromEntries(found)
}

type PciSupplyOn = PciSupply & { physicalNetwork: string }

/** Why the node gets no new machines, although it may be up; those it has keep running. Undefined: it does get new ones. */
export function closedBecause(
  { spec, metadata }: ComputeNode,
  node: KubeNode | undefined,
  verdict: NodeVerdict,
): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return 'is being removed'
  if (spec.unschedulable === true)
    return spec.unschedulableReason ? `is closed: ${spec.unschedulableReason}` : 'is closed'
  if (node?.spec?.unschedulable === true) return 'is cordoned: kubectl uncordon it'
  return verdict.closed
}
