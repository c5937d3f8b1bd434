// SPDX-License-Identifier: Apache-2.0
import type { ServerGroup } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'
import { oneOfData } from '../../quota/quota-use.ts'

export const serverGroupKind: KindRow<ServerGroup> = { quota: oneOfData('serverGroups') }

/** Of its members on one node. */
export function mostOnNode({ policy, maxServersPerHost = 1 }: ServerGroup['spec']): number {
  return policy === 'anti-affinity' ? maxServersPerHost : Infinity
}
