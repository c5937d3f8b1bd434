// SPDX-License-Identifier: Apache-2.0
/** FNV-1a, 32 bit: gives the same answer in every process. http://www.isthe.com/chongo/tech/comp/fnv/ */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}

/** Between equals the larger wins; which one that is, is another one for each seed. The finalizer of MurmurHash3, 32 bit. */
export function tieBreak(seed: number, node: number): number {
  let hash = seed ^ node
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
