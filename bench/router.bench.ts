// SPDX-License-Identifier: Apache-2.0
// A Router with a gateway, by fifty pings a second: from the request that makes it to the first answer that a host behind it gets from
// outside; and the same of many Routers with two Networks each, where a host outside pings the new one's address.
import * as draft from '../e2e/harness/objects.ts'
import { PUBLIC } from '../e2e/harness/public.ts'
import { waitForGone, waitForReady } from '../e2e/harness/wait.ts'
import { NETWORK, ROUTER, SUBNET } from '../lib/api/kinds.ts'
import { EXTERNAL_NETWORK } from '../local/cloud/external-network.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { findOption } from './harness/arguments.ts'
import { readCpu } from './harness/cpu.ts'
import { median, toFigure, type Figure } from './harness/figure.ts'
import { figuresOf, openHosts, untilAnswer, type Hosts } from './harness/outside.ts'
import { listParts } from './harness/parts.ts'

export const about =
  'a Router with a gateway, from the request to the first packet that is answered, alone and as one of many'

const ALONE_MS = 1_500
const MOST_GROWTH = 1.3
/** Samples at each end. */
const AROUND = 10
const TOGETHER = 10
/** Router 1 asks for the external address that ends with the next number, and so on, so that it is known before. */
const BEFORE_FIRST = 40

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

interface Samples {
  ms: number[]
  /** Of the operator, each. */
  cpuMs: number
}

async function manyTurns(cloud: BenchCloud, { outer, outside }: Hosts, many: number): Promise<Figure[]> {
  const addressOf = (number: number) => outside.replace(/\d+$/, String(BEFORE_FIRST + number))
  const make = (number: number) => makeRouter(cloud, number, addressOf(number))
  const sample = async (from: number): Promise<Samples> => {
    const numbers = Array.from({ length: AROUND }, (_, i) => from + i)
    for (const number of numbers) await makeNetworks(cloud, number)
    const before = operatorCpuMs(cloud)
    const ms: number[] = []
    for (const number of numbers) ms.push(await untilAnswer(outer(addressOf(number)), () => make(number)))
    return { ms, cpuMs: (operatorCpuMs(cloud) - before) / AROUND }
  }
  const first = await sample(1)
  for (let from = AROUND + 1; from <= many - AROUND; from += TOGETHER) {
    const numbers = Array.from({ length: Math.min(TOGETHER, many - AROUND - from + 1) }, (_, i) => from + i)
    await Promise.all(numbers.map((number) => makeNetworks(cloud, number)))
    await Promise.all(numbers.map(make))
    for (const number of numbers) await waitForReady(cloud.client, ROUTER, at(cloud, `m-${number}`), 120_000)
    console.log(`${from + numbers.length - 1} routers`)
  }
  const last = await sample(many - AROUND + 1)
  return manyFigures(first, last, many)
}

function manyFigures(first: Samples, last: Samples, many: number): Figure[] {
  const growth = median(last.ms) / median(first.ms)
  const peer = (value: number) => ({ name: `the first ${AROUND}`, value })
  return [
    toFigure({
      ...{
        bench: 'router',
        metric: `the last ${AROUND} of ${many} Routers with two Networks each, median`,
        unit: 'ms',
      },
      ...{ value: median(last.ms), n: AROUND, peer: peer(median(first.ms)) },
      target: { text: `<= ${MOST_GROWTH} x`, pass: growth <= MOST_GROWTH },
    }),
    toFigure({
      ...{ bench: 'router', metric: 'CPU of the operator for each of them', unit: 'ms' },
      ...{ value: last.cpuMs, n: AROUND, peer: peer(first.cpuMs) },
    }),
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

function operatorCpuMs(cloud: BenchCloud): number {
  return readCpu(listParts(cloud).filter(({ part }) => part === 'operator')).get('operator') ?? 0
}
