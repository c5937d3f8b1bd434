// SPDX-License-Identifier: Apache-2.0
// What names of machines cost ovn-northd, which computes everything anew when a row of DNS changes: ports that come one after the other, without
// names, with names that are written with each, and as the driver writes them. By the product's driver, on an OVN central of the bench's own.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { exec } from '../lib/exec.ts'
import { OvsdbClient } from '../lib/ovsdb/client.ts'
import { OvnNetworkDriver } from '../operator/network/ovn/ovn-network-driver.ts'
import { startCentral, type TestCentral } from '../operator/network/ovn/testing/central.ts'
import { parseProcessCpuMs } from './harness/cpu.ts'
import { toFigure, type Figure } from './harness/figure.ts'
import { owner, portOf } from './harness/own-northbound.ts'

export const about = "northd's CPU for a port with a name, of 60 that come at 20 a second beside 500"

const BESIDE = 500
const MEASURED = 60
const EVERY_MS = 50
/** Longer than names wait, and northd takes for what is left. */
const REST_MS = 3000
const signal = new AbortController().signal
const named = (n: number) => ({ ...portOf(`p${n}`, n), dnsName: `vm-${n}.bench.internal` })

export async function run(): Promise<Figure[]> {
  const without = await inCentral({}, (driver, central) => costOf(driver, central, (n) => portOf(`p${n}`, n)))
  const each = await inCentral({ namesEveryMs: 0 }, (driver, central) => costOf(driver, central, named))
  const together = await inCentral({}, (driver, central) => costOf(driver, central, named))
  const of = { bench: 'names', n: MEASURED }
  const figures = (how: string, cost: Cost) => [
    toFigure({
      ...{ ...of, metric: `computations of all flows for a port, ${how}`, unit: '', value: cost.computations },
      peer: { name: 'no names', value: without.computations },
      ...(cost === each
        ? {}
        : { target: { text: '≤ a third of with each', pass: 3 * cost.computations <= each.computations } }),
    }),
    toFigure({
      ...{ ...of, metric: `CPU of northd for a port, ${how}`, unit: 'ms', value: cost.cpuMs },
      peer: { name: 'no names', value: without.cpuMs },
    }),
  ]
  return [...figures('names written with each', each), ...figures('names written together', together)]
}

async function inCentral<T>(
  options: { namesEveryMs?: number },
  use: (driver: OvnNetworkDriver, central: TestCentral) => Promise<T>,
): Promise<T> {
  const central = await startCentral()
  const tables = { NB_Global: { columns: ['name'] } }
  const raw = new OvsdbClient({ database: 'OVN_Northbound', remotes: [central.northbound], tables })
  const driver = new OvnNetworkDriver({ remotes: [central.northbound], timeoutMs: 15_000, ...options })
  const stop = new AbortController()
  try {
    raw.start(stop.signal)
    driver.start(stop.signal)
    // northd makes the row that holds the term.
    await raw.waitUntil(() => (raw.rows('NB_Global').size > 0 ? true : undefined), AbortSignal.timeout(20_000))
    await driver.claimTerm(1, 1, signal)
    await driver.ensure({ kind: 'Network', ...owner, uid: 'net', mtu: 1442 }, signal)
    await driver.ensure({ kind: 'SecurityGroup', ...owner, uid: 'sg', rules: [] }, signal)
    return await use(driver, central)
  } finally {
    stop.abort()
    await driver.close()
    await raw.close()
    await central.stop()
  }
}

interface Cost {
  cpuMs: number
  /** Of all flows. */
  computations: number
}

/** For one port. */
async function costOf(
  driver: OvnNetworkDriver,
  central: TestCentral,
  port: (n: number) => ReturnType<typeof portOf>,
): Promise<Cost> {
  const spent = () => parseProcessCpuMs(readFileSync(`/proc/${central.northdPid}/stat`, 'utf8'))
  for (let n = 1; n <= BESIDE; n++) await driver.ensure(named(n), signal)
  await sleep(REST_MS)
  const [before, computedBefore] = [spent(), await computations(central)]
  for (let n = 1; n <= MEASURED; n++) {
    const next = sleep(EVERY_MS)
    await driver.ensure(port(BESIDE + n), signal)
    await next
  }
  await sleep(REST_MS)
  const computed = (await computations(central)) - computedBefore
  return { cpuMs: (spent() - before) / MEASURED, computations: computed / MEASURED }
}

/** ovn-northd(8), inc-engine. */
async function computations({ programs, northdControl }: TestCentral): Promise<number> {
  const argv = programs.argv('usr/bin/ovn-appctl', '-t', northdControl, 'inc-engine/show-stats', 'lflow', 'recompute')
  return Number((await exec(argv, { timeoutMs: 20_000 })).stdout)
}
