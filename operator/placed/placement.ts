// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../lib/api/types.ts'
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { KubeObject } from '../../lib/kube/object.ts'

/** One placement of an object, such as one that its node has to release. */
export interface Placement {
  kind: DocumentKind
  object: KubeObject
  node: string
  epoch: number
  /** The user data of a machine that moves: kept in the tombstone for its next place. */
  userDataBase64?: string
}

/** All nodes that a machine may still exist on, the current one first. */
export function placementsOf(instance: Instance): Placement[] {
  const { node, epoch = 0, pendingReleases = [] } = instance.status ?? {}
  const current = node === undefined ? [] : [{ node, epoch }]
  return [...current, ...pendingReleases].map((at) => ({
    kind: 'instance',
    object: instance,
    node: at.node,
    epoch: at.epoch,
  }))
}

/**
 * Has the machine ever been placed? A machine that was keeps what it was made from (image, size, user data, key, ports) while it moves:
 * only one that was never placed is a new user of what it refers to.
 */
export function wasPlaced({ status }: Pick<Instance, 'status'>): boolean {
  return status?.node !== undefined || (status?.epoch ?? 0) > 0
}
