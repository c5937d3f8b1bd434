// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'

export type Status = NonNullable<LoadBalancer['status']>
/** What the status says of a listener's members, or of a rule's. */
export type PoolStatus = Pick<NonNullable<Status['listeners']>[number], 'members' | 'memberCounts'>
export type MemberStatus = PoolStatus['members'][number]
