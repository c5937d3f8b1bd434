// SPDX-License-Identifier: Apache-2.0
// What the status shows of members: all of a usual balancer, and of a large one those that a person looks for.
import type { MemberStatus, PoolStatus } from './member-status.ts'

/** Of JSON, for all members of a balancer together: the object stays below 8 KiB (docs/architecture.md, 11). */
export const MOST_MEMBER_BYTES = 4096

const STATUSES = { ONLINE: 'online', OFFLINE: 'offline', NO_MONITOR: 'unmonitored' } as const

/**
 * Each pool's members in their order, with how many there are in all. Where there is no room for all, those that are OFFLINE come first, the ones that are it
 * the longest before all others: whoever was shown stays. Pure.
 */
export function showMembers(pools: readonly (readonly MemberStatus[])[]): PoolStatus[] {
  const ranked = pools.flat().sort(byNeed)
  const shown = new Set<MemberStatus>()
  let room = MOST_MEMBER_BYTES
  for (const member of ranked) {
    room -= Buffer.byteLength(JSON.stringify(member)) + 1
    if (room < 0) break
    shown.add(member)
  }
  return pools.map((members) => ({
    members: members.filter((member) => shown.has(member)),
    memberCounts: countsOf(members),
  }))
}

/** OFFLINE before others; of these the oldest first, and those last of which that is not known: whoever was shown stays. The rest keeps its order. */
function byNeed(a: MemberStatus, b: MemberStatus): number {
  const [x, y] = [a, b].map(({ status, since = '~' }) => (status === 'OFFLINE' ? `0${since}` : '1')) as [string, string]
  return x < y ? -1 : x > y ? 1 : 0
}

function countsOf(members: readonly MemberStatus[]): PoolStatus['memberCounts'] {
  const counts = { online: 0, offline: 0, unmonitored: 0 }
  for (const { status } of members) counts[STATUSES[status]]++
  return counts
}

/** Whether members that are not shown have this status; with none, whether there are any that are not shown. Pure. */
export function isHidden({ members, memberCounts }: PoolStatus, status?: MemberStatus['status']): boolean {
  const all = status === undefined ? Object.values(memberCounts) : [memberCounts[STATUSES[status]]]
  const shown = members.filter((member) => status === undefined || member.status === status).length
  return all.reduce((sum, count) => sum + count, 0) > shown
}
