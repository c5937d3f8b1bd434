// SPDX-License-Identifier: Apache-2.0
// Memory of processes as the kernel has it (proc_pid_smaps(5), smaps_rollup).
import { readFileSync } from 'node:fs'

export interface Memory {
  rssMiB: number
  /** Pages that several processes share, divided among them. */
  pssMiB: number
}

const NOTHING: Memory = { rssMiB: 0, pssMiB: 0 }

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024
  return { rssMiB: read('Rss'), pssMiB: read('Pss') }
}

export function sum(parts: readonly Memory[]): Memory {
  const add = (a: Memory, b: Memory) => ({ rssMiB: a.rssMiB + b.rssMiB, pssMiB: a.pssMiB + b.pssMiB })
  return parts.reduce(add, NOTHING)
}
