// SPDX-License-Identifier: Apache-2.0
// What aggregates say of a node, as nova.scheduler.filters.utils reads it:
// https://opendev.org/openstack/nova/src/branch/master/nova/scheduler/filters/utils.py

/** What filters and weighers read of a HostAggregate. */
export interface Aggregate {
  name: string
  metadata: Readonly<Record<string, string>>
}

const NONE: ReadonlyMap<string, ReadonlySet<string>> = new Map()
/** By the list that the nodes of a class share: it is asked once a decision and class, and changes rarely. */
const known = new WeakMap<readonly Aggregate[], ReadonlyMap<string, ReadonlySet<string>>>()

/** All values of each key in all of the aggregates; what has commas between is several. */
export function metadataOf(aggregates: readonly Aggregate[] | undefined): ReadonlyMap<string, ReadonlySet<string>> {
  if (!aggregates || aggregates.length === 0) return NONE
  const made = known.get(aggregates)
  if (made) return made
  const all = new Map<string, Set<string>>()
  for (const { metadata } of aggregates) {
    for (const [key, value] of Object.entries(metadata)) {
      const values = all.get(key) ?? new Set()
      for (const part of value.split(',')) values.add(part.trim())
      all.set(key, values)
    }
  }
  known.set(aggregates, all)
  return all
}

/** What each aggregate says of the key, as it is written. */
export function valuesOf(aggregates: readonly Aggregate[] | undefined, key: string): string[] {
  return (aggregates ?? []).flatMap(({ metadata }) => metadata[key] ?? [])
}

/** For messages: those of the aggregates that say something of the key. */
export function namesOf(aggregates: readonly Aggregate[] | undefined, key: string): string {
  const named = (aggregates ?? []).filter(({ metadata }) => metadata[key] !== undefined)
  return named.map(({ name }) => name).join(', ')
}
