// SPDX-License-Identifier: Apache-2.0
// Memory as the kernel reports it: proc_meminfo(5), Documentation/admin-guide/mm/hugetlbpage.rst
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Memory {
  totalMiB: number
  /** In hugepages of all sizes, free ones included: part of the total, but usable only by those that ask for hugepages. */
  hugepagesMiB: number
  /** What could be allocated now without swapping; does not include hugepages. */
  availableMiB: number
}

/** @param root of the file system, another in tests */
export async function readMemory(root = '/'): Promise<Memory> {
  const text = await readFile(join(root, 'proc/meminfo'), 'utf8')
  return {
    totalMiB: parseMeminfoMiB(text, 'MemTotal'),
    hugepagesMiB: parseMeminfoMiB(text, 'Hugetlb'),
    availableMiB: parseMeminfoMiB(text, 'MemAvailable'),
  }
}

/** The value of a line such as `MemTotal:  16384 kB` or `Node 0 MemTotal: 16384 kB`, in MiB; 0 when it is missing. */
export function parseMeminfoMiB(text: string, field: string): number {
  const line = text.split('\n').find((l) => l.includes(`${field}:`))
  const kib = /:\s*(\d+) kB/.exec(line ?? '')?.[1]
  return Math.floor(Number(kib ?? 0) / 1024)
}
