// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../lib/api/types.ts'
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { KubeObject } from '../../lib/kube/object.ts'

/** What of an object has to leave which node. */
export interface Placement {
  kind: DocumentKind
  object: KubeObject
  node: string
  epoch: number
  /** Of a machine that moves on: stays in the tombstone for its next place. */
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
 * Has a node been chosen for the machine, now or before? Who was placed once keeps what it was made from (image, size, user data, key,
 * ports) while it moves: only a machine that never had a place is a new user of what it refers to.
 */
export function wasPlaced({ status }: Pick<Instance, 'status'>): boolean {
  return status?.node !== undefined || (status?.epoch ?? 0) > 0
}
