// SPDX-License-Identifier: Apache-2.0
// CPU time by part of the cloud while something happens, as the kernel counts it: utime and stime of proc_pid_stat(5), and the busy time of
// all cores of proc_stat(5). Both in ticks of 10 ms: only sums over many machines mean something.
import { readFileSync } from 'node:fs'
import type { PartProcess } from './parts.ts'

const MS_PER_TICK = 10
/** QEMU, what a start forks, the kernel's own threads, and whatever else this machine does. */
const REST = 'the rest (QEMU, qemu-img, kernel)'

/** Milliseconds by part, `REST` included. */
export type CpuByPart = ReadonlyMap<string, number>

export function readCpu(processes: readonly PartProcess[]): CpuByPart {
  const parts = new Map<string, number>()
  const add = (part: string, ms: number) => parts.set(part, (parts.get(part) ?? 0) + ms)
  let known = 0
  for (const { part, pid } of processes) {
    const ms = cpuMsOf(pid)
    add(part, ms)
    known += ms
  }
  add(REST, parseBusyMs(readFileSync('/proc/stat', 'utf8')) - known)
  return parts
}

/** Of one process since its start, in milliseconds. */
export const cpuMsOf = (pid: number) => parseProcessCpuMs(readFileSync(`/proc/${pid}/stat`, 'utf8'))

/** What was spent since `before`; a part that is not there any more counts nothing. */
export function since(before: CpuByPart, now: CpuByPart): CpuByPart {
  return new Map([...now].map(([part, ms]) => [part, ms - (before.get(part) ?? 0)]))
}

export function meanOf(runs: readonly CpuByPart[]): CpuByPart {
  const names = new Set(runs.flatMap((run) => [...run.keys()]))
  const mean = (name: string) => runs.reduce((total, run) => total + (run.get(name) ?? 0), 0) / runs.length
  return new Map([...names].map((name) => [name, mean(name)]))
}

/** The text of /proc/PID/stat: fields 14 and 15, counted behind the name, which may hold blanks and parentheses. */
export function parseProcessCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}

/** The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; all but the two that wait and what others stole. */
export function parseBusyMs(stat: string): number {
  const [user, nice, system, , , irq, softirq] = stat.split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? []
  return ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0)) * MS_PER_TICK
}
