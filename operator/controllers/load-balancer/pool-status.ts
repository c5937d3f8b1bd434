// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'
import type { MemberStatus } from './observe.ts'
import { hasNoDefault, type Pool } from './pools.ts'

type Status = NonNullable<LoadBalancer['status']>
type Seen = readonly { pool: Pool; members: MemberStatus[] }[]

/** A row for each listener, with those of its rules that have a pool. Pure. */
export function listenersOf(seen: Seen): NonNullable<Status['listeners']> {
  const own = seen.filter(({ pool }) => pool.rule === undefined)
  return own.map(({ pool: { listener }, members }) => {
    const rules = seen.flatMap(({ pool, members: ofRule }) =>
      pool.listener === listener && pool.rule !== undefined ? [{ name: pool.rule, members: ofRule }] : [],
    )
    return { name: listener.name, port: listener.port, members, ...(rules.length > 0 ? { rules } : {}) }
  })
}

/** Of all pools together; what only redirects or rejects needs nobody. Pure. */
export function operatingStatusOf(seen: Seen): NonNullable<Status['operatingStatus']> {
  const asked = seen.filter(({ pool }) => pool.rule !== undefined || !hasNoDefault(pool.listener))
  if (asked.length === 0) return 'ONLINE'
  const all = asked.flatMap(({ members }) => members.map(({ status }) => status))
  const isDown = ({ members }: Seen[number]) => !members.some(({ status }) => status !== 'OFFLINE')
  if (asked.every(isDown)) return 'OFFLINE'
  if (all.includes('OFFLINE') || asked.some(isDown)) return 'DEGRADED'
  return all.includes('ONLINE') ? 'ONLINE' : 'NO_MONITOR'
}
