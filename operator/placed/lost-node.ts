// SPDX-License-Identifier: Apache-2.0
import type { Caches } from '../kind/row.ts'

type Nodes = { caches: Pick<Caches, 'computeNodes'> }

/** Somebody has given the node up (`Confirmed`, or `Wiped` as well): what it had counts as gone, and its last reports bind nobody. */
export function isConfirmedLost(node: string, { caches }: Nodes): boolean {
  return caches.computeNodes.find(undefined, node)?.spec.lost !== undefined
}

/** Neither lost nor about to leave. A node of another role alone has a ComputeNode too; one that is not made yet is no reason to wait. */
export function isStaying(node: string, { caches }: Nodes): boolean {
  const computeNode = caches.computeNodes.find(undefined, node)
  return computeNode?.spec.lost === undefined && computeNode?.metadata.deletionTimestamp === undefined
}
