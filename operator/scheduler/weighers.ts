// SPDX-License-Identifier: Apache-2.0
import type { Columns } from './nodes/node-table.ts'

export interface Weigher {
  readonly name: string
  readonly multiplier: number
  /** Larger is better; normalised over the nodes that passed the filters before it is multiplied (nova.weights.normalize): equal ones count nothing. */
  readonly column: keyof Columns
}

/** As Nova's defaults: positive multipliers spread machines over the nodes with the most room. */
export const WEIGHERS: readonly Weigher[] = [
  { name: 'RAMWeigher', multiplier: 1, column: 'memoryMiB' },
  { name: 'CPUWeigher', multiplier: 1, column: 'vcpus' },
  { name: 'DiskWeigher', multiplier: 1, column: 'diskGiB' },
]
