// SPDX-License-Identifier: Apache-2.0
import { ASKED_FILTERS, DEFAULT_FILTERS, FIRST_FILTERS, LAST_FILTERS } from './filters/all.ts'
import type { ClassFilter, Filter } from './filters/filter.ts'
import { DEFAULT_SETTINGS, type FilterSettings } from './filters/settings.ts'
import { ASKED_WEIGHERS, DEFAULT_WEIGHERS } from './weighers/all.ts'
import type { Weigher } from './weighers/weigher.ts'

/** How nodes are chosen. */
export interface Policy {
  /** At most 253. */
  filters: readonly Filter[]
  weighers: readonly Weigher[]
  settings: FilterSettings
  /** One of them, written by an administrator, may look at the machine's UID: no two machines are equal to it. */
  asksForUid?: boolean
}

/**
 * @param filters beside those without which no machine would run, and those that hold what an Instance asks for
 * @param custom filters behind all others, as what takes the longest
 */
export function policyOf(
  filters: readonly Filter[],
  weighers: readonly Weigher[],
  settings: FilterSettings = DEFAULT_SETTINGS,
  custom: readonly Filter[] = [],
): Policy {
  return {
    filters: [...FIRST_FILTERS, ...withMissing(filters, ASKED_FILTERS), ...LAST_FILTERS, ...custom],
    weighers: withMissing(weighers, ASKED_WEIGHERS),
    settings,
  }
}

/** Those that a profile has a say in and that judge by what nodes have in common: its HostAggregates among it. */
export function listClassFilters({ filters }: Policy): readonly ClassFilter[] {
  const always = [...FIRST_FILTERS, ...LAST_FILTERS]
  return filters.filter((filter): filter is ClassFilter => filter.by === 'class' && !always.includes(filter))
}

function withMissing<T extends { name: string }>(named: readonly T[], always: readonly T[]): readonly T[] {
  return [...named, ...always.filter(({ name }) => !named.some((one) => one.name === name))]
}

export const DEFAULT_POLICY: Policy = policyOf(DEFAULT_FILTERS, DEFAULT_WEIGHERS)

/** Of what Ports of a placed machine take: nothing that a profile has a say in. */
export const PORTS_POLICY: Policy = policyOf([], [])
