// SPDX-License-Identifier: Apache-2.0
// The idle local cloud of one network node and two compute nodes: memory of each part, and the time from nothing to ready with everything
// built. The peer is quoted, not measured in this run: a minimal OpenStack with two fake computes on such a machine.
import { setTimeout as sleep } from 'node:timers/promises'
import { toFigure, type Figure } from './harness/figure.ts'
import { findOption } from './harness/arguments.ts'
import { withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { memoryOf, sum, type Memory } from './harness/memory.ts'
import { listParts } from './harness/parts.ts'

export const about =
  'memory of the idle control plane and seconds from nothing to ready; the OpenStack figures are quoted, not measured here'

const QUOTED = 'minimal OpenStack, two fake computes (quoted)'
const OPENSTACK = { rssMiB: 3939, seconds: 75 }
const MOST = { rssMiB: 985, seconds: 25 }

const CONTROL_PLANE = ['Kubernetes', 'NATS', 'OVN central', 'operator', 'agents']

/** @param args --idle SECONDS before memory is read (20); --starts N (3), the median counts */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const seconds: number[] = []
  let parts = new Map<string, Memory>()
  const starts = Math.max(1, findOption(args, 'starts', 3))
  for (let i = 0; i < starts; i++) {
    const startedAt = performance.now()
    await withCloud('control-plane', {}, async (cloud) => {
      seconds.push((performance.now() - startedAt) / 1000)
      if (i < starts - 1) return
      await sleep(findOption(args, 'idle', 20) * 1000)
      parts = readParts(cloud)
    })
  }
  return toFigures(parts, seconds)
}

function readParts(cloud: BenchCloud): Map<string, Memory> {
  const found = listParts(cloud).map(({ part, name, pid }) => ({ part, name, memory: memoryOf(pid) }))
  for (const { part, name, memory } of found) {
    const [rss, pss] = [memory.rssMiB, memory.pssMiB].map((mib) => mib.toFixed(0).padStart(4))
    console.log(`${rss} MiB RSS ${pss} MiB PSS  ${part}: ${name}`)
  }
  const names = new Set(found.map(({ part }) => part))
  return new Map([...names].map((name) => [name, sum(found.filter((f) => f.part === name).map((f) => f.memory))]))
}

function toFigures(parts: ReadonlyMap<string, Memory>, seconds: readonly number[]): Figure[] {
  const bench = 'control-plane'
  const total = sum(CONTROL_PLANE.map((name) => parts.get(name) ?? { rssMiB: 0, pssMiB: 0 }))
  const last = seconds.toSorted((a, b) => a - b)[Math.floor((seconds.length - 1) / 2)] ?? NaN
  const part = (name: string, { rssMiB, pssMiB }: Memory): Figure[] => [
    toFigure({ bench, metric: `RSS ${name}`, value: rssMiB, unit: 'MiB', n: 1 }),
    toFigure({ bench, metric: `PSS ${name}`, value: pssMiB, unit: 'MiB', n: 1 }),
  ]
  return [
    ...[...parts].flatMap(([name, memory]) => part(CONTROL_PLANE.includes(name) ? name : `${name} (apart)`, memory)),
    toFigure({
      bench,
      metric: `RSS of ${CONTROL_PLANE.join(', ')}`,
      value: total.rssMiB,
      unit: 'MiB',
      n: 1,
      peer: { name: QUOTED, value: OPENSTACK.rssMiB },
      target: { text: `≤ ${MOST.rssMiB} MiB`, pass: total.rssMiB <= MOST.rssMiB },
    }),
    toFigure({ bench, metric: `PSS of ${CONTROL_PLANE.join(', ')}`, value: total.pssMiB, unit: 'MiB', n: 1 }),
    toFigure({
      bench,
      metric: 'from nothing to ready, warm',
      value: last,
      unit: 's',
      n: seconds.length,
      peer: { name: QUOTED, value: OPENSTACK.seconds },
      target: { text: `≤ ${MOST.seconds} s`, pass: last <= MOST.seconds },
    }),
  ]
}
