// SPDX-License-Identifier: Apache-2.0
// What each weigher says, once more, and the sum of them as nova.weights has it.
import type { PlacementRequest } from '../filters/request.ts'
import type { NaiveNode } from './naive-cloud.ts'

export type NaiveWeigher = (node: NaiveNode, request: PlacementRequest) => number

const members = (node: NaiveNode, { group }: PlacementRequest) => (group && node.members[group.key]) ?? 0
const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0)

export const NAIVE_WEIGHERS: Record<string, { multiplier: number; minimum?: number; weigh: NaiveWeigher }> = {
  RAMWeigher: { multiplier: 1, minimum: 0, weigh: ({ capacity, used }) => capacity.memoryMiB - used.memoryMiB },
  CPUWeigher: { multiplier: 1, minimum: 0, weigh: ({ capacity, used }) => capacity.vcpus * 4 - used.vcpus },
  DiskWeigher: { multiplier: 1, minimum: 0, weigh: ({ capacity, used }) => capacity.diskGiB - used.diskGiB },
  IoOpsWeigher: { multiplier: -1, minimum: 0, weigh: ({ building }) => building },
  BuildFailureWeigher: { multiplier: -1_000_000, weigh: ({ failedBuilds }) => failedBuilds },
  ServerGroupSoftAffinityWeigher: {
    multiplier: 1,
    weigh: (node, request) => (request.group?.policy === 'soft-affinity' ? members(node, request) : 0),
  },
  ServerGroupSoftAntiAffinityWeigher: {
    multiplier: 1,
    weigh: (node, request) => (request.group?.policy === 'soft-anti-affinity' ? -members(node, request) : 0),
  },
  ImageLocalityWeigher: {
    multiplier: 1,
    weigh: ({ hasImage }, { imageUid }) => (imageUid !== undefined && hasImage ? 1 : 0),
  },
  AggregateMetadataWeigher: {
    multiplier: 1,
    weigh: ({ aggregates = [] }) => sum(aggregates.map(({ metadata }) => Number(metadata['weight'] ?? 0) || 0)),
  },
  NumInstancesWeigher: { multiplier: 0, weigh: ({ machines }) => machines },
  PCIWeigher: {
    multiplier: 1,
    weigh({ pciDevices = {}, usedOnNetworks }) {
      const all = sum(Object.values(pciDevices).map(({ count }) => count))
      const kinds = Object.keys(pciDevices).flatMap((network) => [`${network}/direct`, `${network}/macvtap`])
      return -Math.max(0, all - sum(kinds.map((key) => usedOnNetworks[key] ?? 0)))
    },
  },
}

/** Of nodes that passed: each weight is brought to 0…1 over all of them, some from 0 as Nova's `minval` has it. */
export function totalsOf(
  passed: readonly NaiveNode[],
  request: PlacementRequest,
  weighers: readonly { multiplier: number; minimum?: number; weigh: NaiveWeigher }[],
): Map<string, number> {
  const parts = weighers.map(({ multiplier, minimum = Infinity, weigh }) => {
    const all = passed.map((node) => weigh(node, request))
    const [min, max] = [Math.min(minimum, ...all), Math.max(...all)]
    return all.map((weight) => (max > min ? (multiplier * (weight - min)) / (max - min) : 0))
  })
  return new Map(passed.map(({ name }, i) => [name, sum(parts.map((part) => part[i] ?? 0))]))
}
