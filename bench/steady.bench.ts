// SPDX-License-Identifier: Apache-2.0
// What a cloud costs in which nothing happens: heartbeats alone. Fake agents, each on a connection of its own.
import { setTimeout as sleep } from 'node:timers/promises'
import { findOption } from './harness/arguments.ts'
import { AuditLog, tally } from './harness/audit-log.ts'
import { cpuMsOf } from './harness/cpu.ts'
import { toFigure, type Figure } from './harness/figure.ts'
import { areUp, withScaleCloud } from './harness/scale-cloud.ts'

export const about = 'writes and CPU of 1,000 fake agents that beat every 10 s, and nothing else'

const QUIET_MS = 40_000
const MOST_CORES = 0.03

/** @param args --nodes 1000; --seconds 120 */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const nodes = findOption(args, 'nodes', 1000)
  const seconds = findOption(args, 'seconds', 120)
  return withScaleCloud({ nodes, auditLog: true }, async ({ plane, operator, nats, client, fleet }) => {
    const audit = new AuditLog(plane.dir)
    await audit.readUntilQuiet(QUIET_MS)
    const parts = { operator: operator.pid, NATS: nats.pid ?? 0, apiserver: plane.processes.apiserver?.pid ?? 0 }
    const read = () => Object.entries(parts).map(([name, pid]) => [name, cpuMsOf(pid)] as const)
    const beatsBefore = await fleet.countBeats()
    const before = new Map(read())
    const startedAt = performance.now()
    await sleep(seconds * 1000)
    const elapsedMs = performance.now() - startedAt
    const cores = new Map(read().map(([name, ms]) => [name, (ms - (before.get(name) ?? 0)) / elapsedMs]))
    const writes = await audit.read()
    for (const line of tally(writes)) console.log(line)
    const beats = (await fleet.countBeats()) - beatsBefore
    if (!(await areUp(client, nodes))) throw new Error('not all nodes are heard')
    console.log(`${beats} heartbeats in ${seconds} s`)
    const both = (cores.get('operator') ?? NaN) + (cores.get('NATS') ?? NaN)
    const figure = (metric: string, value: number, unit: string) => ({ bench: 'steady', metric, value, unit, n: nodes })
    return [
      toFigure({
        ...figure('writes to the apiserver', writes.length, 'writes'),
        target: { text: '0', pass: writes.length === 0 },
      }),
      toFigure({
        ...figure('operator and NATS', both, 'cores'),
        target: { text: `≤ ${MOST_CORES}`, pass: both <= MOST_CORES },
      }),
      ...[...cores].map(([name, value]) => toFigure(figure(`${name} alone`, value, 'cores'))),
    ]
  })
}
