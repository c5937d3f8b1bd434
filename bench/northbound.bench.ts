// SPDX-License-Identifier: Apache-2.0
// What one port costs the operator itself, beside few and beside many: its row, its place on the switch and in the group of all guarded
// ports, by the product's driver on an ovsdb-server of its own.
import { setTimeout as sleep } from 'node:timers/promises'
import type { OvnNetworkDriver } from '../operator/network/ovn/ovn-network-driver.ts'
import { median, toFigure, type Figure } from './harness/figure.ts'
import { owner, portOf, withDriver } from './harness/own-northbound.ts'

export const about = 'a port written, changed and removed in the northbound database, beside 1,000 and 30,000 ports'

const FEW = 1_000
const MANY = 30_000
const ROUNDS = 400
/** Compiled and at rest by then. */
const WARM_UP = 400
const MOST_RATIO = 1.2
/** Longer than the driver's own deadlines: those of the filling are over, and their timers gone, before anything is measured. */
const REST_MS = 20_000
const signal = new AbortController().signal

export async function run(): Promise<Figure[]> {
  return withDriver(async (driver) => {
    await driver.ensure({ kind: 'SecurityGroup', ...owner, uid: 'sg', rules: [] }, signal)
    await fill(driver, 0, FEW)
    await sleep(REST_MS)
    const few = await measure(driver)
    await fill(driver, FEW, MANY)
    await sleep(REST_MS)
    return toFigures(few, await measure(driver))
  })
}

async function fill(driver: OvnNetworkDriver, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await driver.ensure(portOf(`p${i}`, i), signal)
}

/** CPU of this process for one port's whole life, in ms. */
async function measure(driver: OvnNetworkDriver): Promise<number[]> {
  const samples: number[] = []
  for (let i = -WARM_UP; i < ROUNDS; i++) {
    const before = process.cpuUsage()
    await driver.ensure(portOf('sample', MANY), signal)
    await driver.ensure({ ...portOf('sample', MANY), generation: 2, node: 'n2' }, signal)
    await driver.remove('Port', 'sample', signal)
    const { user, system } = process.cpuUsage(before)
    if (i >= 0) samples.push((user + system) / 1000)
  }
  return samples
}

function toFigures(few: readonly number[], many: readonly number[]): Figure[] {
  const common = { bench: 'northbound', unit: 'ms', n: ROUNDS }
  const [small, large] = [median([...few]), median([...many])]
  const target = { text: `≤ ${MOST_RATIO} × of ${FEW} ports`, pass: large <= MOST_RATIO * small }
  return [
    toFigure({ ...common, metric: `CPU of a port made, changed and removed, ${FEW} ports`, value: small }),
    toFigure({
      ...common,
      metric: `CPU of a port made, changed and removed, ${MANY} ports`,
      value: large,
      peer: { name: `${FEW} ports`, value: small },
      target,
    }),
  ]
}
