// SPDX-License-Identifier: Apache-2.0
import { contains } from './address.ts'
import type { SubnetPlan } from './subnet-plan.ts'

const BITS = 32

/**
 * Which addresses of one subnet's pools are taken, as far as this process knows: a hint about where to try next. Only the write of
 * the IPClaim decides. A bitmap grown on demand, and a cursor that goes on from the last choice, so that an address just
 * given back is not handed out at once (stale ARP entries) and no choice scans from the beginning.
 */
export class FreeAddresses {
  readonly #plan: SubnetPlan
  readonly #total: bigint
  readonly #taken = new Map<number, number>()
  #cursor = 0n

  constructor(plan: SubnetPlan) {
    this.#plan = plan
    this.#total = plan.pools.reduce((sum, pool) => sum + (pool.last - pool.first + 1n), 0n)
  }

  take(value: bigint): void {
    const index = this.#indexOf(value)
    if (index === undefined) return
    const { word, bit } = place(index)
    const old = this.#taken.get(word) ?? 0
    if ((old & bit) !== 0) return
    this.#taken.set(word, old | bit)
  }

  giveBack(value: bigint): void {
    const index = this.#indexOf(value)
    if (index === undefined) return
    const { word, bit } = place(index)
    const old = this.#taken.get(word) ?? 0
    if ((old & bit) === 0) return
    const left = old & ~bit
    if (left === 0) this.#taken.delete(word)
    else this.#taken.set(word, left)
  }

  /** The next free address after the cursor, wrapping once; undefined when the pools are exhausted. Does not take it. */
  chooseNext(): bigint | undefined {
    let index = this.#cursor
    // Each step skips one address, or a word whose addresses are all taken.
    let left = this.#total
    while (left > 0n) {
      if (index >= this.#total) index = 0n
      const { word, bit, offset } = place(index)
      const taken = this.#taken.get(word) ?? 0
      if (taken === -1) {
        const skip = BigInt(BITS - offset)
        index += skip
        left -= skip
        continue
      }
      if ((taken & bit) === 0) {
        const value = this.#valueOf(index)
        if (!this.#plan.reserved.has(value)) {
          this.#cursor = index + 1n
          return value
        }
      }
      index++
      left--
    }
    return undefined
  }

  #indexOf(value: bigint): bigint | undefined {
    let base = 0n
    for (const pool of this.#plan.pools) {
      if (contains(pool, value)) return base + (value - pool.first)
      base += pool.last - pool.first + 1n
    }
    return undefined
  }

  #valueOf(index: bigint): bigint {
    let rest = index
    for (const pool of this.#plan.pools) {
      const size = pool.last - pool.first + 1n
      if (rest < size) return pool.first + rest
      rest -= size
    }
    throw new RangeError('index outside of the pools')
  }
}

function place(index: bigint): { word: number; bit: number; offset: number } {
  const offset = Number(index & 31n)
  // A /64 has more words than a double represents exactly, but a process only ever reaches the first few.
  return { word: Number(index >> 5n), bit: 1 << offset, offset }
}
