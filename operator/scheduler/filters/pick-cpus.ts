// SPDX-License-Identifier: Apache-2.0
import type { ThreadPolicy } from '../numa/numa-wish.ts'

export interface PickedCpus {
  cpus: number[]
  /** With `isolate`, the other threads of their cores. */
  idleCpus: number[]
}

/**
 * CPUs of a cell for vCPUs that share them with nobody; undefined: too few are free. As Nova: `prefer` fills the cores with the most free threads first, so that
 * whole ones stay for others; `require` takes nothing but cores with two free threads or more; `isolate` takes one thread of cores that nobody is on.
 */
export function pickCpus(
  cores: readonly (readonly number[])[],
  taken: ReadonlySet<number>,
  count: number,
  policy: ThreadPolicy,
): PickedCpus | undefined {
  const free = cores.map((core) => ({ core, threads: core.filter((cpu) => !taken.has(cpu)) }))
  if (policy === 'isolate') {
    const whole = free.filter(({ core, threads }) => threads.length === core.length && core.length > 0).slice(0, count)
    if (whole.length < count) return undefined
    return { cpus: whole.map(({ core }) => core[0] as number), idleCpus: whole.flatMap(({ core }) => core.slice(1)) }
  }
  const usable = policy === 'require' ? free.filter(({ threads }) => threads.length > 1) : free
  const cpus = usable.toSorted((a, b) => b.threads.length - a.threads.length).flatMap(({ threads }) => threads)
  return cpus.length < count ? undefined : { cpus: cpus.slice(0, count).sort((a, b) => a - b), idleCpus: [] }
}
