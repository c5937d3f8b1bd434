// SPDX-License-Identifier: Apache-2.0
// A Router with a gateway, by fifty pings a second: from the request that makes it to the first answer that a host behind it gets from
// outside; and the same of many Routers with two Networks each, where a host outside pings the new one's
// address, beside one that ovn-nbctl writes.
import * as draft from '../e2e/harness/objects.ts'
import { PUBLIC } from '../e2e/harness/public.ts'
import { waitForGone, waitForReady } from '../e2e/harness/wait.ts'
import { NETWORK, ROUTER, SUBNET } from '../lib/api/kinds.ts'
import { EXTERNAL_NETWORK } from '../local/cloud/external-network.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { findOption } from './harness/arguments.ts'
import { BareRouters } from './harness/bare-router.ts'
import { readCpu, since, type CpuByPart } from './harness/cpu.ts'
import { median, toFigure, type Figure } from './harness/figure.ts'
import { figuresOf, openHosts, untilAnswer, type Hosts } from './harness/outside.ts'
import { listParts } from './harness/parts.ts'

export const about =
  'a Router with a gateway, from the request to the first packet that is answered, alone and as one of many'

const ALONE_MS = 1_500
const MOST_GROWTH = 1.3
/** Samples at each end. */
const AROUND = 10
const TOGETHER = 20
/** Router 1 asks for the external address that ends with the next number, and so on, so that it is known before. */
const BEFORE_FIRST = 40
/** Outside of the pool of the external Subnet. */
const BARE_LAST_BYTE = 252

/** @param args --n N (20): turns of one Router alone; --many N (200): Routers in the end, 0 for none */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const [n, many] = [findOption(args, 'n', 20), findOption(args, 'many', 200)]
  return withCloud('router', {}, async (cloud) => {
    await prepareProject(cloud)
    await using hosts = await openHosts(cloud)
    const alone: number[] = []
    for (let i = 0; i < n; i++) alone.push(await aloneTurn(cloud, `r-${i}`, hosts))
    const figures = figuresOf('router', 'Router with gateway until a packet is answered', alone, ALONE_MS)
    return many < 2 * AROUND ? figures : [...figures, ...(await manyTurns(cloud, hosts, many))]
  })
}

async function aloneTurn({ client, namespace }: BenchCloud, name: string, { inner, outside }: Hosts): Promise<number> {
  const at = { namespace, name }
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
  const ms = await untilAnswer(inner(outside), () => client.create(ROUTER, draft.router(at, spec)))
  await client.remove(ROUTER, at)
  await waitForGone(client, ROUTER, at)
  return ms
}

/** Of routers made one after the other. */
interface Samples {
  ms: number[]
  /** Each, in milliseconds, by part. */
  cpu: CpuByPart
  /** How often northd computed everything anew, each. */
  computations: number
}

async function manyTurns(cloud: BenchCloud, { outer, outside }: Hosts, many: number): Promise<Figure[]> {
  const addressOf = (number: number) => outside.replace(/\d+$/, String(BEFORE_FIRST + number))
  const make = (number: number) => makeRouter(cloud, number, addressOf(number))
  const sample = async (from: number): Promise<Samples> => {
    const numbers = Array.from({ length: AROUND }, (_, i) => from + i)
    for (const number of numbers) await makeNetworks(cloud, number)
    return measure(cloud, numbers, (number) => untilAnswer(outer(addressOf(number)), () => make(number)))
  }
  const bare = new BareRouters(cloud, outside.replace(/\d+$/, String(BARE_LAST_BYTE)))
  const sampleBare = () =>
    measure(cloud, Array.from({ length: AROUND }), async () => {
      await bare.makeNetworks()
      const ms = await untilAnswer(outer(bare.address), () => bare.make())
      await bare.remove()
      return ms
    })
  const first = { ours: await sample(1), bare: await sampleBare() }
  for (let from = AROUND + 1; from <= many - AROUND; from += TOGETHER) {
    const numbers = Array.from({ length: Math.min(TOGETHER, many - AROUND - from + 1) }, (_, i) => from + i)
    await Promise.all(numbers.map((number) => makeNetworks(cloud, number)))
    await Promise.all(numbers.map(make))
    for (const number of numbers) await waitForReady(cloud.client, ROUTER, at(cloud, `m-${number}`), 120_000)
    console.log(`${from + numbers.length - 1} routers`)
  }
  return manyFigures(first, { ours: await sample(many - AROUND + 1), bare: await sampleBare() }, many)
}

async function measure<T>(cloud: BenchCloud, turns: readonly T[], turn: (one: T) => Promise<number>): Promise<Samples> {
  const before = { cpu: readCpu(listParts(cloud)), computations: await countComputations(cloud) }
  const ms: number[] = []
  for (const one of turns) ms.push(await turn(one))
  const computations = (await countComputations(cloud)) - before.computations
  const cpu = since(before.cpu, readCpu(listParts(cloud)))
  const each = new Map([...cpu].map(([part, spent]) => [part, spent / turns.length]))
  return { ms, cpu: each, computations: computations / turns.length }
}

/** Of the flows of the whole cloud: ovn-northd(8), inc-engine. */
async function countComputations({ cloud, networkNode }: BenchCloud): Promise<number> {
  const argv = ['ovn-appctl', '-t', 'ovn-northd', 'inc-engine/show-stats', 'lflow', 'recompute']
  return Number((await cloud.exec(networkNode, argv)).stdout)
}

type Ends = Record<'ours' | 'bare', Samples>

function manyFigures(first: Ends, last: Ends, many: number): Figure[] {
  const growth = median(last.ours.ms) / median(first.ours.ms)
  const figure = (metric: string, value: number, name: string, peer: number, unit = 'ms') =>
    toFigure({ ...{ bench: 'router', metric, unit, value, n: AROUND }, peer: { name, value: peer } })
  const firsts = `the first ${AROUND}`
  const cpuOf = (part: string) => [last.ours.cpu.get(part) ?? 0, firsts, first.ours.cpu.get(part) ?? 0] as const
  const parts = ['operator', 'OVN central', 'ovn-controllers', 'OVS'] as const
  return [
    {
      ...figure(
        `the last ${AROUND} of ${many} Routers with two Networks each, median`,
        ...([median(last.ours.ms), firsts, median(first.ours.ms)] as const),
      ),
      ...{ target: `<= ${MOST_GROWTH} x`, pass: growth <= MOST_GROWTH },
    },
    figure('the same by ovn-nbctl, beside them, median', median(last.bare.ms), firsts, median(first.bare.ms)),
    figure(`beside ${many}, over ovn-nbctl, median`, median(last.ours.ms), 'by ovn-nbctl', median(last.bare.ms)),
    ...parts.map((part) => figure(`CPU of ${part} for each of them`, ...cpuOf(part))),
    figure(
      'computations of all flows for each of them',
      ...([last.ours.computations, 'by ovn-nbctl', last.bare.computations] as const),
      'of northd',
    ),
  ]
}

function at({ namespace }: BenchCloud, name: string) {
  return { namespace, name }
}

async function makeNetworks(cloud: BenchCloud, number: number): Promise<void> {
  for (const half of [0, 1]) {
    const name = `m-${number}-${half}`
    await cloud.client.create(NETWORK, draft.network(at(cloud, name)))
    await cloud.client.create(SUBNET, draft.subnet(at(cloud, name), name, `10.${100 + half}.${number}.0/24`))
  }
  for (const half of [0, 1]) await waitForReady(cloud.client, SUBNET, at(cloud, `m-${number}-${half}`), 60_000)
}

async function makeRouter(cloud: BenchCloud, number: number, ipAddress: string): Promise<void> {
  const fixedIPs = [{ subnetRef: { name: EXTERNAL_NETWORK }, ipAddress }]
  const interfaces = [0, 1].map((half) => ({ subnetRef: { name: `m-${number}-${half}` } }))
  const spec = { interfaces, externalGateway: { ...PUBLIC, fixedIPs } }
  await cloud.client.create(ROUTER, draft.router(at(cloud, `m-${number}`), spec))
}
