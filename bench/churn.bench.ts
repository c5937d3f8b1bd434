// SPDX-License-Identifier: Apache-2.0
// Machines that come and go beside many that stand: how long a control plane takes from the request to ACTIVE when the nodes take no time.
import { setTimeout as sleep } from 'node:timers/promises'
import { INSTANCE } from '../lib/api/kinds.ts'
import { findOption, hasFlag } from './harness/arguments.ts'
import { cpuMsOf } from './harness/cpu.ts'
import { median, quantile, toFigure, type Figure } from './harness/figure.ts'
import { Lives } from './harness/lives.ts'
import { withScaleCloud, type ScaleCloud } from './harness/scale-cloud.ts'
import { createMachine, createMachines, machineAt, makeProjects, waitForActive } from './harness/standing.ts'

export const about = '30 machines made and 30 deleted a second beside 10,000 that stand, on 500 nodes with fake agents'

const networks = [{ networkRef: { name: 'net' } }]
const MOST_SECONDS = { p50: 0.15, p95: 0.5 }
/** As much may be under way at the end as comes in a second. */
const SETTLE_SECONDS = 1
const PATIENCE_MS = 120_000

/** @param args --n 10000 standing; --nodes 500; --rate 30; --seconds 300; --profile: of the operator, into the working directory */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 10_000)
  const nodes = findOption(args, 'nodes', 500)
  const rate = findOption(args, 'rate', 30)
  const seconds = findOption(args, 'seconds', 300)
  const profile = hasFlag(args, 'profile')
  return withScaleCloud({ nodes, hasNetwork: true, profile }, async (cloud) => {
    await makeProjects(cloud.client, { hasNetwork: true })
    await createMachines(cloud.client, Array(n).keys(), () => ({ networks }))
    await waitForActive(cloud.client, n)
    console.log(`${n} machines stand`)
    await sleep(10_000)
    return churn(cloud, { n, rate, seconds })
  })
}

interface Pace {
  n: number
  rate: number
  seconds: number
}

async function churn(cloud: ScaleCloud, { n, rate, seconds }: Pace): Promise<Figure[]> {
  const { client } = cloud
  const lives = Lives.watch(client)
  const before = readCpu(cloud)
  const startedAt = performance.now()
  const failures: unknown[] = []
  const fail = (error: unknown): void => void failures.push(error)
  for (let i = 0; i < rate * seconds; i++) {
    // By the clock, whatever is still under way.
    await sleep(Math.max(0, startedAt + (i * 1000) / rate - performance.now()))
    lives.asked('create', machineAt(n + i))
    createMachine(client, n + i, { networks }).catch(fail)
    lives.asked('delete', machineAt(i))
    client.remove(INSTANCE, machineAt(i)).catch(fail)
  }
  const elapsed = (performance.now() - startedAt) / 1000
  const cpu = new Map([...readCpu(cloud)].map(([name, ms]) => [name, (ms - (before.get(name) ?? 0)) / 1000 / elapsed]))
  const behind = lives.pending
  await lives.untilSettled(PATIENCE_MS)
  lives.close()
  if (failures.length > 0) throw new Error(`${failures.length} requests failed`, { cause: failures[0] })
  console.log(`asked for ${rate} a second, ${((rate * seconds) / elapsed).toFixed(1)} were`)
  return toFigures(lives, { behind, most: 2 * rate * SETTLE_SECONDS, cpu })
}

function readCpu({ operator, plane, nats, fleet }: ScaleCloud): Map<string, number> {
  const { apiserver, etcd } = plane.processes
  const parts = { operator: operator.pid, apiserver: apiserver?.pid ?? 0, etcd: etcd?.pid ?? 0, NATS: nats.pid ?? 0 }
  return new Map(Object.entries({ ...parts, 'fake agents': fleet.pid }).map(([name, pid]) => [name, cpuMsOf(pid)]))
}

interface Ending {
  behind: number
  most: number
  cpu: ReadonlyMap<string, number>
}

function toFigures({ created, deleted }: Lives, { behind, most, cpu }: Ending): Figure[] {
  const bench = 'churn'
  const n = created.length
  const time = (metric: string, value: number, bound?: number) =>
    toFigure({
      ...{ bench, metric, value, unit: 's', n },
      ...(bound === undefined ? {} : { target: { text: `≤ ${bound} s`, pass: value <= bound } }),
    })
  return [
    time('create to ACTIVE, p50', median(created), MOST_SECONDS.p50),
    time('create to ACTIVE, p95', quantile(created, 0.95), MOST_SECONDS.p95),
    time('create to ACTIVE, the last tenth, p50', median(created.slice(-Math.ceil(n / 10)))),
    time('delete to gone, p50', median(deleted)),
    time('delete to gone, p95', quantile(deleted, 0.95)),
    toFigure({
      ...{ bench, metric: 'under way at the end', value: behind, unit: 'machines', n: 2 * n },
      target: { text: `≤ ${most}: nothing falls behind`, pass: behind <= most },
    }),
    ...[...cpu].map(([name, cores]) => toFigure({ bench, metric: `CPU of ${name}`, value: cores, unit: 'cores', n })),
  ]
}
