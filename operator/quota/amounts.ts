// SPDX-License-Identifier: Apache-2.0
// What a project has or may have, by key: docs/quotas.md has the keys and their units.

/** Whole numbers by key; a key that is absent is 0. */
export type Amounts = Readonly<Record<string, number>>

export const NOTHING: Amounts = {}

/** @returns whether `a` has at least as much of everything as `b` */
export function covers(a: Amounts, b: Amounts): boolean {
  for (const key in b) if ((b[key] ?? 0) > (a[key] ?? 0)) return false
  return true
}

/** The larger of the two, by key. */
export function larger(a: Amounts, b: Amounts): Amounts {
  if (covers(a, b)) return a
  if (covers(b, a)) return b
  const most: Record<string, number> = { ...a }
  for (const [key, amount] of Object.entries(b)) most[key] = Math.max(most[key] ?? 0, amount)
  return most
}

export function sum(a: Amounts, b: Amounts): Amounts {
  const all: Record<string, number> = { ...a }
  for (const [key, amount] of Object.entries(b)) all[key] = (all[key] ?? 0) + amount
  return all
}

/** What is asked for beyond what is there. */
export function lackOf(asked: Amounts, has: Amounts): Amounts {
  return Object.fromEntries(
    Object.entries(asked).flatMap(([key, amount]) => {
      const lack = amount - (has[key] ?? 0)
      return lack > 0 ? [[key, lack]] : []
    }),
  )
}

/** Adds in place, and drops what becomes 0. */
export function addTo(totals: Map<string, number>, amounts: Amounts, sign: 1 | -1): void {
  for (const key in amounts) {
    const sum = (totals.get(key) ?? 0) + sign * (amounts[key] ?? 0)
    if (sum === 0) totals.delete(key)
    else totals.set(key, sum)
  }
}

const MEMBERS = 'serverGroupMembers'

/** The key by which members of one ServerGroup are counted, each group by itself. */
export function membersKey(group: string): string {
  return `${MEMBERS}.${group}`
}

/** Of such a key: the key that a Quota bounds each group by, and the group. */
export function findGroup(key: string): { bound: string; group: string } | undefined {
  return key.startsWith(`${MEMBERS}.`) ? { bound: MEMBERS, group: key.slice(MEMBERS.length + 1) } : undefined
}
