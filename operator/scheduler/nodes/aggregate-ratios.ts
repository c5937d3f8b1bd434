// SPDX-License-Identifier: Apache-2.0
import { valuesOf, type Aggregate } from './aggregate.ts'
import type { AllocationRatios } from './node-facts.ts'

/** By Nova's names in the metadata of aggregates. */
const KEYS = {
  vcpus: 'cpu_allocation_ratio',
  memoryMiB: 'ram_allocation_ratio',
  diskGiB: 'disk_allocation_ratio',
} as const

/** The least that the aggregates of a node say; where none says a number, the default. */
export function ratiosOf(aggregates: readonly Aggregate[] | undefined, defaults: AllocationRatios): AllocationRatios {
  if (!aggregates || aggregates.length === 0) return defaults
  const ratio = (of: keyof AllocationRatios) => leastOf(aggregates, KEYS[of]) ?? defaults[of]
  return { vcpus: ratio('vcpus'), memoryMiB: ratio('memoryMiB'), diskGiB: ratio('diskGiB') }
}

/** Of the values of a key, the least; undefined where there is none, or one of them is no number, as Nova has it, or below 0. */
function leastOf(aggregates: readonly Aggregate[] | undefined, key: string): number | undefined {
  const values = valuesOf(aggregates, key).map((value) => (value.trim() === '' ? NaN : Number(value)))
  return values.length > 0 && values.every((value) => Number.isFinite(value) && value >= 0)
    ? Math.min(...values)
    : undefined
}

/** The same of what is counted: one with a fraction is no such number. */
export function leastCountOf(aggregates: readonly Aggregate[] | undefined, key: string): number | undefined {
  const isCount = valuesOf(aggregates, key).every((value) => Number.isInteger(Number(value)))
  return isCount ? leastOf(aggregates, key) : undefined
}
