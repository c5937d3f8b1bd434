// SPDX-License-Identifier: Apache-2.0
import type { Caches } from '../kind/row.ts'

type Nodes = { caches: Pick<Caches, 'computeNodes'> }

/** Somebody has given up the node (`Confirmed` or `Wiped`): what it had counts as gone, and its last reports no longer matter. */
export function isConfirmedLost(node: string, { caches }: Nodes): boolean {
  return caches.computeNodes.find(undefined, node)?.spec.lost !== undefined
}

/** Neither lost nor being removed. Nodes of any role have a ComputeNode, but one not yet created is no reason to wait. */
export function isStaying(node: string, { caches }: Nodes): boolean {
  const computeNode = caches.computeNodes.find(undefined, node)
  return computeNode?.spec.lost === undefined && computeNode?.metadata.deletionTimestamp === undefined
}
