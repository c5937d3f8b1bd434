// SPDX-License-Identifier: Apache-2.0
// What the proxy of a balancer found of its members, small enough that balancers with all members down fill nobody's share of the bus: those that
// are down, by their place in the document, and a digest of the places.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { MOST_BALANCER_MEMBERS, MOST_BALANCER_POOLS, type BalancerPool } from './balancer-spec.ts'
import { firstOf, text } from './bounds.ts'

/** A member that is probed. */
export interface ObservedMember {
  pool: string
  address: string
  port: number
  isUp: boolean
  /** Why it is not. */
  why?: string | undefined
}

const place = (most: number) =>
  z
    .int()
    .min(0)
    .max(most - 1)
const DownMember = z.object({
  pool: place(MOST_BALANCER_POOLS),
  member: place(MOST_BALANCER_MEMBERS),
  why: text(32).optional(),
})

/** Of all that are probed, those that are down; the others are up. */
export const BalancerProbes = z.object({
  /** See `digestOf`. */
  of: z.string().max(16),
  down: firstOf(DownMember, MOST_BALANCER_MEMBERS),
})
export type BalancerProbes = z.infer<typeof BalancerProbes>

type Pools = readonly Pick<BalancerPool, 'name' | 'members' | 'monitor'>[]

/** @returns undefined while a member has not been looked at: nothing is said of the others then */
export function toProbes(found: readonly ObservedMember[], pools: Pools): BalancerProbes | undefined {
  const byKey = new Map(found.map((one) => [keyOf(one.pool, one), one]))
  const down: BalancerProbes['down'] = []
  for (const { pool, member, key } of listProbed(pools)) {
    const said = byKey.get(key)
    if (!said) return undefined
    if (said.isUp) continue
    down.push({ pool, member, ...(said.why === undefined ? {} : { why: said.why.slice(0, 32) }) })
  }
  return { of: digestOf(pools), down }
}

/** @returns undefined if they are about other pools or members than these */
export function readProbes(probes: BalancerProbes | undefined, pools: Pools): ObservedMember[] | undefined {
  if (probes?.of !== digestOf(pools)) return undefined
  const down = new Map(probes.down.map((one) => [`${one.pool} ${one.member}`, one]))
  return listProbed(pools).map(({ pool, member, name, address, port }) => {
    const said = down.get(`${pool} ${member}`)
    return { pool: name, address, port, isUp: !said, ...(said?.why === undefined ? {} : { why: said.why }) }
  })
}

function listProbed(pools: Pools) {
  return pools.flatMap(({ name, members, monitor }, pool) =>
    monitor
      ? members.map(({ address, port }, member) => ({
          ...{ pool, member, name, address, port },
          key: keyOf(name, { address, port }),
        }))
      : [],
  )
}

function keyOf(pool: string, { address, port }: { address: string; port: number }): string {
  return `${pool} ${address} ${port}`
}

/** What the places stand for: a document changes without another generation where machines come and go. */
function digestOf(pools: Pools): string {
  const places = listProbed(pools).map(({ pool, member, key }) => `${pool} ${member} ${key}`)
  return createHash('sha256').update(places.join('\n')).digest('hex').slice(0, 16)
}
