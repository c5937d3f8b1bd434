// SPDX-License-Identifier: Apache-2.0
// Ranges of a SubnetPool, as numbers. Pure.
import { contains, findCidr, toText, type AddressRange, type Cidr } from './address.ts'

/**
 * The lowest range of this length in the prefixes of which nothing is taken; undefined: there is none. The same for the same input,
 * whatever its order. Prefixes that touch count as one.
 * @param taken may lie outside of the prefixes
 */
export function chooseFree(
  prefixes: readonly Cidr[],
  taken: readonly AddressRange[],
  prefixLength: number,
): string | undefined {
  const version = prefixes[0]?.version ?? 4
  const size = 1n << BigInt((version === 4 ? 32 : 128) - prefixLength)
  const occupied = merge(taken)
  for (const room of merge(prefixes)) {
    let at = alignUp(room.first, size)
    for (const { first, last } of occupied) {
      if (last < at) continue
      if (first > at + size - 1n) break
      at = alignUp(last + 1n, size)
    }
    if (at + size - 1n <= room.last) return `${toText(version, at)}/${prefixLength}`
  }
  return undefined
}

/** Whether the range lies in the prefixes, which may have to touch for that. */
export function isWithin(range: AddressRange, prefixes: readonly Cidr[]): boolean {
  return merge(prefixes).some((room) => contains(room, range.first) && contains(room, range.last))
}

/** Those that are ranges; the text of a status was checked when it was written. */
export function toCidrs(texts: readonly string[]): Cidr[] {
  return texts.flatMap((text) => findCidr(text) ?? [])
}

/** How many addresses. */
export function sizeOf({ first, last }: AddressRange): bigint {
  return last - first + 1n
}

/** Disjoint, ascending; those that touch are one. */
function merge(ranges: readonly AddressRange[]): AddressRange[] {
  const merged: AddressRange[] = []
  for (const { first, last } of [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const before = merged.at(-1)
    if (!before || first > before.last + 1n) merged.push({ first, last })
    else if (last > before.last) before.last = last
  }
  return merged
}

function alignUp(value: bigint, size: bigint): bigint {
  return ((value + size - 1n) / size) * size
}
