// SPDX-License-Identifier: Apache-2.0
// Lists of CPUs as the kernel writes them: https://docs.kernel.org/admin-guide/kernel-parameters.html (cpu lists).

/** Of one machine, virtual or not: what longer lists have beyond it is left out. */
const MOST_CPUS = 8192

/** `0-3,8,10-11` as numbers, each once, in their order; what is no range is left out. */
export function parseCpuList(text: string): number[] {
  const cpus = new Set<number>()
  for (const range of text.trim().split(',')) {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? []
    if (first === undefined) continue
    const end = Math.min(Number(last ?? first), MOST_CPUS - 1)
    for (let cpu = Number(first); cpu <= end; cpu++) cpus.add(cpu)
  }
  return [...cpus].sort((a, b) => a - b)
}

/** The shortest list of them. */
export function formatCpuList(cpus: Iterable<number>): string {
  const ranges: { first: number; last: number }[] = []
  for (const cpu of [...new Set(cpus)].sort((a, b) => a - b)) {
    const range = ranges.at(-1)
    if (range?.last === cpu - 1) range.last = cpu
    else ranges.push({ first: cpu, last: cpu })
  }
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(',')
}
