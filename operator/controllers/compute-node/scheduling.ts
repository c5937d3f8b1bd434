// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode, KubeNode } from '../../../lib/api/types.ts'
import type { NodeFacts } from '../../scheduler/node-table.ts'
import { hypervisorOf } from './discover.ts'
import type { NodeVerdict } from './status.ts'

/** For the host itself, as Nova's reserved_host_memory_mb. */
const RESERVED_MEMORY_MIB = 512

export function toNodeFacts(computeNode: ComputeNode, node: KubeNode | undefined, verdict: NodeVerdict): NodeFacts {
  const { inventory, zone } = computeNode.status ?? {}
  return {
    name: computeNode.metadata.name,
    up: verdict.state === 'up',
    closed: closedBecause(computeNode, node, verdict),
    hypervisor: hypervisorOf(node),
    zone,
    capacity: {
      vcpus: inventory?.cpus ?? 0,
      memoryMiB: Math.max(0, (inventory?.memoryMiB ?? 0) - RESERVED_MEMORY_MIB),
      diskGiB: inventory?.diskGiB ?? 0,
    },
    acceleration: inventory?.acceleration,
    vhostUser: inventory?.dpdk ?? false,
  }
}

/** Why no new machines come, although it may be up; what runs there goes on. Undefined: they do. */
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
