// SPDX-License-Identifier: Apache-2.0
// Which roles a node's document asks for, and how each is created.
import type { NodeSpec } from '../../lib/contract/documents.ts'
import { createComputeRole } from './compute-role.ts'
import { createImageRole } from './image-role.ts'
import { createNetworkRole } from './network-role.ts'
import type { AgentRole, RoleContext } from '../node/role.ts'
import { createStorageRole } from './storage-role.ts'

export type RoleName = 'image' | 'storage' | 'network' | 'compute'

/** Pure. A compute node always has the L2 role, and the image role for its cache; created in this order. */
export function rolesOf({ roles }: NodeSpec): RoleName[] {
  const compute = roles.compute !== undefined
  const wanted: Record<RoleName, boolean> = {
    image: compute || roles.image === true,
    storage: roles.storage === true,
    network: compute || roles.gateway === true,
    compute,
  }
  return (Object.keys(wanted) as RoleName[]).filter((role) => wanted[role])
}

/** @throws while its parts are missing; retried with back-off */
export async function createRole(role: string, context: RoleContext): Promise<AgentRole> {
  switch (role as RoleName) {
    case 'image': {
      const { reconcilers, inventory, configure } = createImageRole({
        ...{ dataDir: context.stateDir, log: context.log, peer: context.nbd.client },
        measure: (images) => context.metrics.measure('image-cache', images),
      })
      return { name: role, reconcilers, inventory, configure }
    }
    case 'network':
      return createNetworkRole(context)
    case 'compute':
      return createComputeRole(context)
    case 'storage':
      return createStorageRole(context)
  }
}
