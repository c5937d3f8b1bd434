// SPDX-License-Identifier: Apache-2.0
// Entries of qcow2's L1 and L2 tables (QEMU's docs/interop/qcow2.rst). Read as two 32-bit numbers: a table of 2 MiB has 262,144 entries,
// and BigInt would make each cost many times as much.
import type { Qcow2Header } from './qcow2.ts'

const COMPRESSED = 0x40000000
const HIGH_OFFSET_BITS = 0x00ffffff
const LOW_OFFSET_BITS = 0xfffffe00

/** Bits 9 to 55 of an entry. Exact below 2^53, and above it still far beyond any file. */
export function offsetOf(table: Buffer, at: number): number {
  return (table.readUInt32BE(at) & HIGH_OFFSET_BITS) * 2 ** 32 + ((table.readUInt32BE(at + 4) & LOW_OFFSET_BITS) >>> 0)
}

export type Fault = 'beyondEnd' | 'misaligned'

/**
 * The first entry whose data cannot be read. A file may end within its last cluster: readers take the missing part as zeros, and qemu-img
 * check calls that clean. Pure.
 * @param l2 an L2 table, or as much of it as the file has: the rest is zeros
 */
export function findFault(l2: Buffer, header: Qcow2Header, fileBytes: number): Fault | undefined {
  const cluster = 2 ** header.clusterBits
  const entryBytes = header.extendedL2 ? 16 : 8
  const whole = l2.length - (l2.length % entryBytes)
  for (let at = 0; at < whole; at += entryBytes) {
    const high = l2.readUInt32BE(at)
    if ((high & COMPRESSED) !== 0) {
      if (compressedOffset(high, l2.readUInt32BE(at + 4), header.clusterBits) >= fileBytes) return 'beyondEnd'
      continue
    }
    const offset = offsetOf(l2, at)
    if (offset === 0) continue
    if (offset % cluster !== 0) return 'misaligned'
    const skipped = header.extendedL2 ? lastSubcluster(l2.readUInt32BE(at + 12)) * (cluster / 32) : 0
    if (skipped >= 0 && offset + skipped >= fileBytes) return 'beyondEnd'
  }
  return undefined
}

/** The lower bits of the descriptor; how many depends on the cluster size: x = 62 - (cluster_bits - 8). */
function compressedOffset(high: number, low: number, clusterBits: number): number {
  const highBits = 62 - (clusterBits - 8) - 32
  return (high & (2 ** highBits - 1)) * 2 ** 32 + low
}

/** The number of the last of 32 subclusters that has data, from the lower half of the bitmap; negative when none has. */
function lastSubcluster(allocated: number): number {
  return 31 - Math.clz32(allocated)
}
