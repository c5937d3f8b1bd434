// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../../lib/kube/object.ts'
import type { LogicalOwner } from '../../network/logical-kinds.ts'

/** The mark on every row of the network backend. */
export function ownerOf(object: KubeObject): LogicalOwner {
  const { uid, namespace = '', name, generation = 0 } = object.metadata
  return { uid, namespace, name, generation }
}
