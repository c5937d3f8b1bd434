// SPDX-License-Identifier: Apache-2.0
// Memory of the operator's process, with many machines that run on fake nodes, a Port each; and the same cloud through the death of its
// leader.
import { setTimeout as sleep } from 'node:timers/promises'
import { INSTANCE, PORT } from '../lib/api/kinds.ts'
import type { Instance } from '../lib/api/types.ts'
import { waitForObject } from '../e2e/harness/wait.ts'
import { findOption, hasFlag } from './harness/arguments.ts'
import { cpuMsOf } from './harness/cpu.ts'
import { toFigure, type Figure } from './harness/figure.ts'
import { memoryOf } from './harness/memory.ts'
import type { OperatorProcess } from './harness/operator-process.ts'
import { Pulse, summarize, type PulseSummary } from './harness/pulse.ts'
import { SNAPSHOT_SIGNAL, withScaleCloud, type ScaleCloud } from './harness/scale-cloud.ts'
import { createMachine, createMachines, machineAt, makeProjects, waitForActive } from './harness/standing.ts'

export const about = 'RSS of the operator with 10,000 machines, as many Ports, and 5,000 nodes with fake agents'

const MOST_MIB = 300
/** A Lease is valid for ten seconds and renewed every three. */
const MOST_STOP_MS = 7_000
const PATIENCE_MS = 300_000
const SNAPSHOT_MS = 5_000
const networks = [{ networkRef: { name: 'net' } }]

/** @param args --n 10000 machines; --nodes 5000; --rest 60 seconds of rest; --snapshot: of the heap, into the working directory */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 10_000)
  const nodes = findOption(args, 'nodes', 5_000)
  const restMs = findOption(args, 'rest', 60) * 1000
  const snapshot = hasFlag(args, 'snapshot')
  return withScaleCloud({ nodes, hasNetwork: true, snapshot }, async (cloud) => {
    const { client, operator } = cloud
    const pulse = new Pulse(operator)
    await makeProjects(client, { hasNetwork: true })
    await pulse.take()
    const before = memoryOf(operator.pid).rssMiB
    const startedAt = performance.now()
    await createMachines(client, Array(n).keys(), () => ({ networks }))
    await waitForActive(client, n)
    console.log(`${n} machines ACTIVE after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
    const { length: ports } = await client.list(PORT)
    if (ports !== n) throw new Error(`${ports} Ports, not ${n}`)
    const made = summarize(await pulse.take())
    const rested = await rest(operator, pulse, restMs)
    pulse.stop()
    if (snapshot) await writeSnapshot(operator)
    const after = await changeLeader(cloud, n, restMs)
    return toFigures({ n, nodes, before, made, rested, after })
  })
}

/** It answers again when the snapshot is written. */
async function writeSnapshot(operator: OperatorProcess): Promise<void> {
  process.kill(operator.pid, SNAPSHOT_SIGNAL)
  await sleep(SNAPSHOT_MS)
  await operator.metrics()
}

async function rest(operator: OperatorProcess, pulse: Pulse, ms: number): Promise<PulseSummary> {
  const busy = cpuMsOf(operator.pid)
  await sleep(ms)
  console.log(`at rest: ${cpuMsOf(operator.pid) - busy} ms of CPU in ${ms / 1000} s`)
  return summarize(await pulse.take())
}

interface Change {
  /** Of the operator that stood by. */
  standbyMiB: number
  /** From the death of the leader until a machine that was made right after it was ACTIVE. */
  seconds: number
  taking: PulseSummary
  rested: PulseSummary
}

/** The leader dies while another operator stands by. */
async function changeLeader(
  { client, operator, startOperator }: ScaleCloud,
  n: number,
  restMs: number,
): Promise<Change> {
  const next = await startOperator('bench-2')
  const pulse = new Pulse(next)
  await pulse.take()
  const standbyMiB = memoryOf(next.pid).rssMiB
  const startedAt = performance.now()
  await operator.kill()
  await createMachine(client, n, { networks })
  const isActive = (machine: Instance | undefined) => machine?.status?.state === 'ACTIVE'
  const options = { what: 'a machine of the next leader', timeoutMs: PATIENCE_MS }
  await waitForObject<Instance>(client, INSTANCE, machineAt(n), isActive, options)
  const seconds = (performance.now() - startedAt) / 1000
  // What a new leader looks at is far from done when its first machine runs.
  await sleep(restMs)
  const taking = summarize(await pulse.take())
  const rested = await rest(next, pulse, restMs)
  pulse.stop()
  return { standbyMiB, seconds, taking, rested }
}

interface Measured {
  n: number
  nodes: number
  before: number
  made: PulseSummary
  rested: PulseSummary
  after: Change
}

function toFigures({ n, nodes, before, made, rested, after }: Measured): Figure[] {
  const figure = (metric: string, value: number, unit = 'MiB') => ({ bench: 'footprint', metric, value, unit, n })
  const rss = (what: string, { rss: { median } }: PulseSummary) =>
    toFigure({ ...figure(what, median), target: { text: `≤ ${MOST_MIB} MiB`, pass: median <= MOST_MIB } })
  const lost = (what: string, { leadsLost }: PulseSummary) =>
    toFigure({ ...figure(what, leadsLost, 'times'), target: { text: '0', pass: leadsLost === 0 } })
  const stop = (what: string, { longestStopMs }: PulseSummary) =>
    toFigure({
      ...figure(what, longestStopMs, 'ms'),
      target: { text: `≤ ${MOST_STOP_MS} ms`, pass: longestStopMs <= MOST_STOP_MS },
    })
  return [
    rss(`RSS of the operator, ${nodes} nodes`, rested),
    toFigure(figure('least RSS at rest', rested.rss.min)),
    toFigure(figure('largest RSS at rest', rested.rss.max)),
    toFigure(figure('RSS before the machines', before)),
    toFigure(figure('largest RSS while they were made', made.rss.max)),
    stop('longest stop of its event loop while they were made', made),
    lost('leads lost while they were made', made),
    toFigure(figure('RSS of an operator that stands by', after.standbyMiB)),
    toFigure(figure('a machine ACTIVE after the death of the leader', after.seconds, 's')),
    stop('longest stop of the event loop of the next leader', after.taking),
    lost('leads lost by the next leader', after.taking),
    rss('RSS of the next leader', after.rested),
  ]
}
