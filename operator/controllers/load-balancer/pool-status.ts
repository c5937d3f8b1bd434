// SPDX-License-Identifier: Apache-2.0
import type { PoolStatus, Status } from './member-status.ts'
import { hasNoDefault, type Pool } from './pools.ts'

type Seen = readonly ({ pool: Pool } & PoolStatus)[]

/** A row for each listener, with those of its rules that have a pool. Pure. */
export function listenersOf(seen: Seen): NonNullable<Status['listeners']> {
  const own = seen.filter(({ pool }) => pool.rule === undefined)
  return own.map(({ pool: { listener }, ...status }) => {
    const rules = seen.flatMap(({ pool, ...ofRule }) =>
      pool.listener === listener && pool.rule !== undefined ? [{ name: pool.rule, ...ofRule }] : [],
    )
    return { name: listener.name, port: listener.port, ...status, ...(rules.length > 0 ? { rules } : {}) }
  })
}

/** Of all pools together; what only redirects or rejects needs nobody. Pure. */
export function operatingStatusOf(seen: Seen): NonNullable<Status['operatingStatus']> {
  const asked = seen.filter(({ pool }) => pool.rule !== undefined || !hasNoDefault(pool.listener))
  if (asked.length === 0) return 'ONLINE'
  const isDown = ({ memberCounts: { online, unmonitored } }: Seen[number]) => online + unmonitored === 0
  if (asked.every(isDown)) return 'OFFLINE'
  if (asked.some((one) => isDown(one) || one.memberCounts.offline > 0)) return 'DEGRADED'
  return asked.some(({ memberCounts }) => memberCounts.online > 0) ? 'ONLINE' : 'NO_MONITOR'
}
