// SPDX-License-Identifier: Apache-2.0
// Which nodes are in which HostAggregate. Both ways are by indexes: what it costs is what is found, not how many there are.
import type { HostAggregate, KubeNode } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import { isOlder } from '../../kind/is-older.ts'
import { keyLabelOf } from './kind.ts'

export type MembershipCaches = Pick<Caches, 'hostAggregates' | 'computeNodes' | 'nodes'>

/** The oldest first, without those that are being deleted. */
export function listAggregatesOf(nodeName: string, caches: MembershipCaches): HostAggregate[] {
  const node = caches.nodes.find(undefined, nodeName)
  const found = new Set(caches.hostAggregates.listBy('node', nodeName))
  for (const [key, value] of Object.entries(node?.metadata.labels ?? {}))
    for (const aggregate of caches.hostAggregates.listBy('selects', `${key}=${value}`))
      if (selects(aggregate, node)) found.add(aggregate)
  return [...found]
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .sort((a, b) => (isOlder(a, b) ? -1 : 1))
}

/** Names of ComputeNodes, sorted. */
export function listMembersOf(aggregate: HostAggregate, caches: MembershipCaches): string[] {
  const [label] = keyLabelOf(aggregate.spec) ?? []
  const labelled = label === undefined ? [] : caches.nodes.listBy('label', label)
  const selected = labelled.filter((node) => selects(aggregate, node)).map(({ metadata }) => metadata.name)
  const all = new Set([...(aggregate.spec.nodes ?? []), ...selected])
  return [...all].filter((name) => caches.computeNodes.find(undefined, name) !== undefined).sort()
}

function selects({ spec: { nodeSelector } }: HostAggregate, node: KubeNode | undefined): boolean {
  const labels = node?.metadata.labels ?? {}
  return nodeSelector !== undefined && Object.entries(nodeSelector).every(([key, value]) => labels[key] === value)
}
