// SPDX-License-Identifier: Apache-2.0
// A SecurityGroup with 10 and with 10,000 members: one more of them in the northbound database, by the product's driver on an ovsdb-server of
// its own; and what a packet costs that the rule "from members" lets pass, between two namespaces on one node with OVN.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { tapName } from '../agents/compute/paths.ts'
import { startCluster, type TestNode } from '../agents/network/testing/cluster.ts'
import { Workload } from '../agents/network/testing/workload.ts'
import { OvsdbClient } from '../lib/ovsdb/client.ts'
import type { Operation } from '../lib/ovsdb/operations.ts'
import { namedUuid, setOf, type OvsUuid } from '../lib/ovsdb/values.ts'
import { until } from '../lib/time/until.ts'
import type { LogicalWant } from '../operator/network/logical-kinds.ts'
import { groupName } from '../operator/network/ovn/group-match.ts'
import { OvnNetworkDriver } from '../operator/network/ovn/ovn-network-driver.ts'
import { median, quantile, toFigure, type Figure } from './harness/figure.ts'
import { owner, portOf, withDriver } from './harness/own-northbound.ts'

export const about =
  'a group of 10 and of 10,000 members: one more of them, and a packet that the rule "from members" lets pass'

const SIZES = [10, 10_000] as const
const ROUNDS = 200
const MOST_MS = 20
const MOST_RATIO = 1.2
/** Of one run of ping, each sent when the one before was answered. */
const PACKETS = 5_000
const RUNS = 5
/** Of few and many members. */
const TURNS = 3
/** OVN is done with the change by then, and leaves the processor to the packets. */
const REST_MS = 3_000
const signal = new AbortController().signal

export async function run(): Promise<Figure[]> {
  return [...(await rowFigures()), ...(await packetFigures())]
}

async function rowFigures(): Promise<Figure[]> {
  return withDriver(async (driver) => {
    await driver.ensure({ kind: 'SecurityGroup', ...owner, uid: 'sg', rules: [] }, signal)
    const figures: Figure[] = []
    let held = 0
    for (const size of SIZES) {
      for (; held < size; held++) await driver.ensure(portOf(`p${held}`, held), signal)
      await sleep(2_000)
      const p95 = quantile(await joinTimes(driver), 0.95)
      const metric = `one more member in the northbound database, beside ${size}, p95`
      const target = { text: `<= ${MOST_MS} ms`, pass: p95 <= MOST_MS }
      figures.push(toFigure({ bench: 'group', metric, value: p95, unit: 'ms', n: ROUNDS, target }))
    }
    return figures
  })
}

/** Of a port that is there already: what is measured is one transaction that puts it among the members. */
async function joinTimes(driver: OvnNetworkDriver): Promise<number[]> {
  const port = portOf('sample', 100_000)
  const samples: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    await driver.ensure({ ...port, securityGroupUids: [] }, signal)
    const begun = performance.now()
    await driver.ensure(port, signal)
    samples.push(performance.now() - begun)
  }
  return samples
}

async function packetFigures(): Promise<Figure[]> {
  const cluster = await startCluster([NODE])
  const remotes = [{ transport: 'unix', path: cluster.northboundSocket }] as const
  const driver = new OvnNetworkDriver({ remotes, timeoutMs: 120_000 })
  const database = new OvsdbClient({
    remotes,
    database: 'OVN_Northbound',
    tables: { Port_Group: { columns: ['name'] } },
  })
  try {
    const [host] = cluster.nodes
    if (!host) throw new Error('a cluster without nodes')
    host.agent.send({
      configure: { roles: { compute: 'libvirt' }, certificate: 'on disk', ovnRemote: cluster.ovnRemote },
    })
    await host.agent.waitLine('configured')
    driver.start(signal)
    database.start(signal)
    await driver.claimTerm(1, 1, signal)
    for (const want of WORLD) await driver.ensure(want, signal)
    const [from, to] = [await plug(host, driver, 1), await plug(host, driver, 2)]
    await until(() => from.ping(addressOf(2)), 'the first ping', 30_000)
    const ping = () => microsecondsOf(from, addressOf(2))
    const others = await database.transact(hostsOf(range(3, SIZES[1] + 1)), AbortSignal.timeout(120_000))
    const rows = others.flatMap(({ uuid }) => (uuid ? [uuid] : []))
    const [always, sometimes] = [rows.slice(0, SIZES[0] - 2), rows.slice(SIZES[0] - 2)]
    await database.transact(members('insert', always), AbortSignal.timeout(120_000))
    const samples: [number[], number[]] = [[], []]
    // In turns: the speed of a shared host changes from minute to minute.
    for (let turn = 0; turn < TURNS; turn++)
      for (const [i, size] of SIZES.entries()) {
        await database.transact(members(i === 0 ? 'delete' : 'insert', sometimes), AbortSignal.timeout(120_000))
        await until(() => isSynced(host), `the node to have ${size} members`, 180_000)
        await sleep(REST_MS)
        await ping()
        samples[i]?.push(...(await repeat(ping)))
      }
    await to.unplug()
    return toFigures(samples)
  } finally {
    await driver.close()
    await database.close()
    await cluster.stop()
  }
}

/** Whether the node's switch has all that is in the northbound database. */
function isSynced(host: TestNode): Promise<boolean> {
  return host.run('ovn-nbctl', '--timeout=20', '--wait=hv', 'sync').then(
    () => true,
    () => false,
  )
}

const NODE = 'bench'
const MEMBERS = randomUUID()
const addressOf = (i: number) => `10.0.${i >> 8}.${i & 255}`
const WORLD: readonly LogicalWant[] = [
  { kind: 'Network', ...owner, uid: 'net', mtu: 1442 },
  {
    ...{ kind: 'SecurityGroup', ...owner, uid: MEMBERS },
    rules: (['ingress', 'egress'] as const).map((direction) => ({
      ...{ direction, etherType: 'IPv4', protocol: 'any', remoteGroupUid: MEMBERS },
    })),
  },
]

/** A namespace with a port of the group, on the node. */
async function plug(host: TestNode, driver: OvnNetworkDriver, i: number): Promise<Workload> {
  const port = { ...portOf(randomUUID(), i), node: NODE, securityGroupUids: [MEMBERS] }
  const workload = new Workload(host, port.uid, port.mac)
  await workload.plugIn()
  await driver.ensure(port, signal)
  const tap = tapName(port.uid)
  await host.run(
    'ovs-vsctl',
    'add-port',
    'br-int',
    tap,
    '--',
    'set',
    'Interface',
    tap,
    `external_ids:iface-id=${port.uid}`,
  )
  await workload.run('ip', 'address', 'add', `${addressOf(i)}/16`, 'dev', 'eth0')
  return workload
}

/** Hosts on no node: what they cost is that the group has them. In one transaction, by the bench's own hand. */
function hostsOf(numbers: readonly number[]): Operation[] {
  const added = setOf(numbers.map((i) => namedUuid(`port${i}`)))
  return [
    ...numbers.map((i): Operation => {
      const row = { name: `member-${i}`, addresses: setOf([`${portOf('', i).mac} ${addressOf(i)}`]) }
      return { op: 'insert', table: 'Logical_Switch_Port', 'uuid-name': `port${i}`, row }
    }),
    {
      ...{ op: 'mutate', table: 'Logical_Switch', where: [['name', '==', 'net']] },
      mutations: [['ports', 'insert', added]],
    },
  ]
}

function members(mutator: 'insert' | 'delete', rows: readonly OvsUuid[]): Operation[] {
  const group = { op: 'mutate', table: 'Port_Group', where: [['name', '==', groupName(MEMBERS)]] } as const
  return [{ ...group, mutations: [['ports', mutator, setOf(rows)]] }]
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** From a packet to its answer, of a whole run. @throws when one was lost */
async function microsecondsOf(from: Workload, to: string): Promise<number> {
  const text = await from.run('ping', '-q', '-f', '-c', String(PACKETS), to)
  const ms = / 0% packet loss, time (\d+)ms/.exec(text)?.[1]
  if (ms === undefined) throw new Error(`packets were lost: ${text}`)
  return (Number(ms) * 1000) / PACKETS
}

async function repeat(measure: () => Promise<number>): Promise<number[]> {
  const samples: number[] = []
  for (let i = 0; i < RUNS; i++) samples.push(await measure())
  return samples
}

function toFigures(samples: readonly (readonly number[])[]): Figure[] {
  const medians = samples.map(median)
  return SIZES.map((size, i) => {
    const value = medians[i] ?? NaN
    const figure = {
      bench: 'group',
      metric: `a packet and its answer, ${size} members`,
      value,
      unit: 'µs',
      n: RUNS * TURNS,
    }
    if (i === 0) return toFigure(figure)
    const few = medians[0] ?? NaN
    const target = { text: `<= ${MOST_RATIO} x of ${SIZES[0]} members`, pass: value <= MOST_RATIO * few }
    return toFigure({ ...figure, target, peer: { name: `${SIZES[0]} members`, value: few } })
  })
}
