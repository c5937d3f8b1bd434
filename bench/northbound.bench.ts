// SPDX-License-Identifier: Apache-2.0
// What one port costs the operator itself, beside few and beside many: its row, its place on the switch and in the group of all guarded
// ports, by the product's driver on an ovsdb-server of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OvsdbClient } from '../lib/ovsdb/client.ts'
import { createDatabase, ovsPrograms, startOvsdbServer } from '../lib/ovsdb/test-server.ts'
import type { LogicalPort } from '../operator/network/network-driver.ts'
import { OvnNetworkDriver } from '../operator/network/ovn/ovn-network-driver.ts'
import { median, toFigure, type Figure } from './harness/figure.ts'

export const about = 'a port written, changed and removed in the northbound database, beside 1,000 and 30,000 ports'

const FEW = 1_000
const MANY = 30_000
const ROUNDS = 400
/** Compiled and at rest by then. */
const WARM_UP = 400
const MOST_RATIO = 1.2
const owner = { namespace: 'ns', name: 'x', generation: 1 }
/** Longer than the driver's own deadlines: those of the filling are over, and their timers gone, before anything is measured. */
const REST_MS = 20_000
const signal = new AbortController().signal

export async function run(): Promise<Figure[]> {
  const programs = await ovsPrograms()
  const dir = await mkdtemp(join(tmpdir(), 'northbound-'))
  const file = join(dir, 'nb.db')
  await createDatabase(programs, file, 'usr/share/ovn/ovn-nb.ovsschema')
  const server = await startOvsdbServer(programs, dir, 'nb', [file])
  const remotes = [{ transport: 'unix', path: server.socket }] as const
  const raw = new OvsdbClient({ database: 'OVN_Northbound', remotes, tables: { NB_Global: { columns: ['name'] } } })
  const driver = new OvnNetworkDriver({ remotes, timeoutMs: 15_000 })
  const stop = new AbortController()
  try {
    raw.start(stop.signal)
    driver.start(stop.signal)
    await raw.transact([{ op: 'insert', table: 'NB_Global', row: {} }], signal)
    await driver.claimTerm(1, 1, signal)
    await driver.ensure({ kind: 'Network', ...owner, uid: 'net', mtu: 1442 }, signal)
    await driver.ensure({ kind: 'SecurityGroup', ...owner, uid: 'sg', rules: [] }, signal)
    await fill(driver, 0, FEW)
    await sleep(REST_MS)
    const few = await measure(driver)
    await fill(driver, FEW, MANY)
    await sleep(REST_MS)
    return toFigures(few, await measure(driver))
  } finally {
    stop.abort()
    await driver.close()
    await raw.close()
    await server.stop()
    await rm(dir, { recursive: true, force: true })
  }
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

function portOf(uid: string, n: number): LogicalPort {
  const bytes = [16, 8, 0].map((shift) => ((n >> shift) & 255).toString(16).padStart(2, '0'))
  return {
    kind: 'Port',
    ...owner,
    uid,
    networkUid: 'net',
    mac: `fa:16:3e:${bytes.join(':')}`,
    fixedIPs: [{ subnetUid: '', address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, hasDhcp: false }],
    node: 'n1',
    portSecurityEnabled: true,
    securityGroupUids: ['sg'],
    allowedAddressPairs: [],
    isShared: false,
  }
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
