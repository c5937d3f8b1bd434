// SPDX-License-Identifier: Apache-2.0
import type { NodeRow } from './node-table.ts'

export interface Weigher {
  readonly name: string
  readonly multiplier: number
  /** Larger is better; normalised over the nodes that passed the filters before it is multiplied. */
  weigh(node: NodeRow): number
}

/** As Nova's defaults: positive multipliers spread machines over the nodes with the most room. */
export const WEIGHERS: readonly Weigher[] = [
  { name: 'RAMWeigher', multiplier: 1, weigh: (node) => node.memoryMiB - node.usedMemoryMiB },
  { name: 'CPUWeigher', multiplier: 1, weigh: (node) => node.vcpus - node.usedVcpus },
  { name: 'DiskWeigher', multiplier: 1, weigh: (node) => node.diskGiB - node.usedDiskGiB },
]

/** Min-max normalisation to 0..1, as nova.weights.normalize: equal values count nothing. */
export function normalize(values: readonly number[]): number[] {
  let min = Infinity
  let max = -Infinity
  for (const value of values) {
    if (value < min) min = value
    if (value > max) max = value
  }
  const range = max - min
  return values.map((value) => (range > 0 ? (value - min) / range : 0))
}

/** FNV-1a, 32 bit: spreads equals evenly and gives the same answer in every process. http://www.isthe.com/chongo/tech/comp/fnv/ */
export function tieBreak(seed: string, node: string): number {
  let hash = 0x811c9dc5
  for (const text of [seed, '/', node]) {
    for (let i = 0; i < text.length; i++) {
      hash ^= text.charCodeAt(i)
      hash = Math.imul(hash, 0x01000193)
    }
  }
  return hash >>> 0
}
