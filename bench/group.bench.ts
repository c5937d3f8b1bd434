// SPDX-License-Identifier: Apache-2.0
// A SecurityGroup with 10 and with 10,000 members: one more of them in the northbound database, by the product's driver on an ovsdb-server of
// its own; and what a packet costs that the rule "from members" lets pass, between two hosts on one node of a cloud.
import { setTimeout as sleep } from 'node:timers/promises'
import * as draft from '../e2e/harness/objects.ts'
import { nbctl } from '../e2e/harness/northbound.ts'
import { waitForReady } from '../e2e/harness/wait.ts'
import { PORT, SECURITY_GROUP } from '../lib/api/kinds.ts'
import { openDoor } from '../local/commands/ssh.ts'
import type { OvnNetworkDriver } from '../operator/network/ovn/ovn-network-driver.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { median, quantile, toFigure, type Figure } from './harness/figure.ts'
import { Northbound } from './harness/northbound.ts'
import { owner, portOf, withDriver } from './harness/own-northbound.ts'

export const about =
  'a group of 10 and of 10,000 members: one more of them, and a packet that the rule "from members" lets pass'

const SIZES = [10, 10_000] as const
const ROUNDS = 200
const MOST_MS = 20
const MOST_RATIO = 1.2
/** Of one run of ping, each sent when the one before was answered. */
const PACKETS = 20_000
const RUNS = 7
const signal = new AbortController().signal

export async function run(): Promise<Figure[]> {
  return [...(await rowFigures()), ...(await withCloud('group', {}, packetFigures))]
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

async function packetFigures(cloud: BenchCloud): Promise<Figure[]> {
  await prepareProject(cloud)
  const at = (name: string) => ({ namespace: cloud.namespace, name })
  const rules = [{ direction: 'ingress', protocol: 'icmp', remoteGroupRef: { name: 'members' } }]
  await cloud.client.create(SECURITY_GROUP, draft.securityGroup(at('members'), { rules }))
  await waitForReady(cloud.client, SECURITY_GROUP, at('members'))
  const open = () =>
    openDoor(cloud.cloud, cloud.namespace, { name: 'net' }, { securityGroupRefs: [{ name: 'members' }] })
  const [from, to] = [await open(), await open()]
  if (from.node !== to.node) throw new Error('the two hosts are on different nodes')
  const northbound = new Northbound(cloud.cloud, cloud.networkNode)
  try {
    const { uid } = (await cloud.client.get(PORT, at(from.netns))).metadata
    await northbound.waitForPort(uid)
    const ping = () => microsecondsOf(cloud, from, to.address)
    const samples: number[][] = []
    let held = 2
    for (const size of SIZES) {
      await northbound.addLike(uid, range(held, size).map(memberOf))
      held = size
      await nbctl(cloud, '--timeout=120', '--wait=hv', 'sync')
      await ping()
      samples.push(await repeat(ping))
    }
    return toFigures(samples)
  } finally {
    await northbound.close()
    await from.close()
    await to.close()
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** On no node: what it costs is that the group has it. */
function memberOf(i: number): { name: string; address: string; node: string } {
  const [high, low] = [128 + (i >> 8), i & 255]
  return {
    name: `member-${i}`,
    address: `fa:16:3f:00:${hex(high)}:${hex(low)} 10.20.${high}.${low}`,
    node: 'elsewhere',
  }
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0')

/** From a packet to its answer, of a whole run. @throws when one was lost */
async function microsecondsOf(cloud: BenchCloud, from: { node: string; netns: string }, to: string): Promise<number> {
  const ping = ['ping', '-q', '-f', '-c', String(PACKETS), to]
  const { stdout } = await cloud.cloud.exec(from.node, ['ip', 'netns', 'exec', from.netns, ...ping], {
    timeoutMs: 120_000,
  })
  const ms = / 0% packet loss, time (\d+)ms/.exec(stdout)?.[1]
  if (ms === undefined) throw new Error(`packets were lost: ${stdout}`)
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
    const figure = { bench: 'group', metric: `a packet and its answer, ${size} members`, value, unit: 'µs', n: RUNS }
    if (i === 0) return toFigure(figure)
    const few = medians[0] ?? NaN
    const target = { text: `<= ${MOST_RATIO} x of ${SIZES[0]} members`, pass: value <= MOST_RATIO * few }
    return toFigure({ ...figure, target, peer: { name: `${SIZES[0]} members`, value: few } })
  })
}
