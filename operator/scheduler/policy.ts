// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_FILTERS, FIRST_FILTERS, LAST_FILTERS } from './filters/all.ts'
import type { Filter } from './filters/filter.ts'
import { DEFAULT_SETTINGS, type FilterSettings } from './filters/settings.ts'
import { DEFAULT_WEIGHERS } from './weighers/all.ts'
import type { Weigher } from './weighers/weigher.ts'

/** How nodes are chosen. */
export interface Policy {
  /** At most 253. */
  filters: readonly Filter[]
  weighers: readonly Weigher[]
  settings: FilterSettings
}

/** @param filters beside those without which no machine would run */
export function policyOf(
  filters: readonly Filter[],
  weighers: readonly Weigher[],
  settings: FilterSettings = DEFAULT_SETTINGS,
): Policy {
  return { filters: [...FIRST_FILTERS, ...filters, ...LAST_FILTERS], weighers, settings }
}

export const DEFAULT_POLICY: Policy = policyOf(DEFAULT_FILTERS, DEFAULT_WEIGHERS)
