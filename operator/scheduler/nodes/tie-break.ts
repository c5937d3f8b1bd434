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

/** Which of so many equals a machine gets, by its UID: another one for each. Their hash, finished as MurmurHash3 does, 32 bit, so that all of its bits count. */
export function pickOf(count: number, uid: string): number {
  if (count <= 1) return 0
  let hash = hashOf(uid)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % count
}
