// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode, KubeNode } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'

/** Of a ComputeNode: may its node use the bus? */
export const BUS_ACCESS = 'BusAccess'
/** Its reason while the node is cut off because of what it wrote. */
export const TOO_MUCH_WRITTEN = 'TooMuchWritten'

/**
 * Why the agent of a node may not come in, whatever its token says: a token proves where a pod was started, not that the node still
 * belongs to the cloud. Pure.
 *
 * | Node  | ComputeNode                      | agent        |
 * |-------|----------------------------------|--------------|
 * | none  | any                              | is refused   |
 * | there | none                             | is refused: the leader makes one for each Node with a role |
 * | there | confirmed lost                   | is refused until a person takes that back |
 * | there | BusAccess False, TooMuchWritten  | is refused until the operator takes that back |
 * | there | any other, also one that is Terminating: its agent has to release what it holds    | comes in |
 */
export function whyShut(node: KubeNode | undefined, computeNode: ComputeNode | undefined): string | undefined {
  if (!node) return 'is no Node of this cluster'
  if (!computeNode) return 'has no ComputeNode: label the Node with a role, such as nephele.dev/compute=libvirt'
  if (computeNode.spec.lost !== undefined)
    return 'is confirmed lost: remove spec.lost of its ComputeNode to use it again'
  const access = findCondition(computeNode.status?.conditions, BUS_ACCESS)
  if (access?.status === 'False' && access.reason === TOO_MUCH_WRITTEN) {
    return 'wrote more than its share of the bus and is cut off for a while'
  }
  return undefined
}
