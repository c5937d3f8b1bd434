// SPDX-License-Identifier: Apache-2.0
import type { ServerGroup } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'

export const serverGroupKind: KindRow<ServerGroup> = { quota: oneOf('serverGroups') }

/** Of its members on one node. */
export function mostOnNode({ policy, maxServersPerHost = 1 }: ServerGroup['spec']): number {
  return policy === 'anti-affinity' ? maxServersPerHost : Infinity
}
