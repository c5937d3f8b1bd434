// SPDX-License-Identifier: Apache-2.0
// Memory of the operator's process, with many machines that run on fake nodes, a Port each.
import { setTimeout as sleep } from 'node:timers/promises'
import { PORT } from '../lib/api/kinds.ts'
import { findOption } from './harness/arguments.ts'
import { cpuMsOf } from './harness/cpu.ts'
import { toFigure, type Figure } from './harness/figure.ts'
import { memoryOf } from './harness/memory.ts'
import { withScaleCloud } from './harness/scale-cloud.ts'
import { createMachines, makeProjects, waitForActive } from './harness/standing.ts'

export const about = 'RSS of the operator with 10,000 machines, as many Ports, and 5,000 nodes with fake agents'

const MOST_MIB = 300
const networks = [{ networkRef: { name: 'net' } }]

/** @param args --n 10000 machines; --nodes 5000; --rest 60 seconds before memory is read */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 10_000)
  const nodes = findOption(args, 'nodes', 5_000)
  return withScaleCloud({ nodes, hasNetwork: true }, async ({ client, operator }) => {
    await makeProjects(client, { hasNetwork: true })
    const before = memoryOf(operator.pid).rssMiB
    const startedAt = performance.now()
    const peak = watchPeak(operator.pid)
    await createMachines(client, Array(n).keys(), () => ({ networks }))
    await waitForActive(client, n)
    const seconds = (performance.now() - startedAt) / 1000
    const { length: ports } = await client.list(PORT)
    if (ports !== n) throw new Error(`${ports} Ports, not ${n}`)
    const most = peak()
    const busy = cpuMsOf(operator.pid)
    await sleep(findOption(args, 'rest', 60) * 1000)
    console.log(`${n} machines ACTIVE after ${seconds.toFixed(0)} s; CPU at rest ${cpuMsOf(operator.pid) - busy} ms`)
    const rss = memoryOf(operator.pid).rssMiB
    const figure = (metric: string, value: number) => ({ bench: 'footprint', metric, value, unit: 'MiB', n })
    const target = { text: `≤ ${MOST_MIB} MiB`, pass: rss <= MOST_MIB }
    return [
      toFigure({ ...figure(`RSS of the operator, ${nodes} nodes`, rss), target }),
      toFigure(figure('RSS before the machines', before)),
      toFigure(figure('largest RSS while they were made', most)),
    ]
  })
}

/** @returns what ends it and gives the largest that was seen */
function watchPeak(pid: number): () => number {
  let most = 0
  const look = () => (most = Math.max(most, memoryOf(pid).rssMiB))
  const timer = setInterval(look, 1000)
  return () => {
    clearInterval(timer)
    look()
    return most
  }
}
