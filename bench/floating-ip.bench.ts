// SPDX-License-Identifier: Apache-2.0
// A FloatingIP, by fifty pings a second: from the request that connects it to the first answer that a host outside gets; and the CPU of
// the operator meanwhile. Few others are there at first, and then many: each leads to a Port of its own, so that each is a translation.
import * as draft from '../e2e/harness/objects.ts'
import { PUBLIC } from '../e2e/harness/public.ts'
import { waitForObject, waitForReady } from '../e2e/harness/wait.ts'
import { FLOATING_IP, PORT, ROUTER, SUBNET } from '../lib/api/kinds.ts'
import type { FloatingIP } from '../lib/api/types.ts'
import { findOption } from './harness/arguments.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { readCpu, since } from './harness/cpu.ts'
import { toFigure, type Figure } from './harness/figure.ts'
import { figuresOf, openHosts, untilAnswer, type Hosts } from './harness/outside.ts'
import { listParts } from './harness/parts.ts'

export const about = 'a FloatingIP, from the request to the first packet that is answered, beside few and many others'

const BENCH = 'floating-ip'
const MOST_MS = 300
/** Made at once, so that the operator is not measured while it waits for us. */
const AT_ONCE = 16
/** Of their own, since the cloud's external Subnet has no room for so many: RFC 2544. */
const MANY_ADDRESSES = '198.18.0.0/20'

/** @param args --n N (40): turns beside each number; --few N (10), --many N (500): floating IPs in all */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 40)
  const numbers = [findOption(args, 'few', 10), findOption(args, 'many', 500)]
  return withCloud(BENCH, {}, async (cloud) => {
    await prepareProject(cloud)
    await using hosts = await openHosts(cloud)
    const at = (name: string) => ({ namespace: cloud.namespace, name })
    const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
    await untilAnswer(hosts.inner(hosts.outside), () => cloud.client.create(ROUTER, draft.router(at('r'), spec)))
    const { namespace, name } = PUBLIC.networkRef
    await cloud.client.create(SUBNET, draft.subnet({ namespace, name: 'many' }, name, MANY_ADDRESSES))
    await cloud.client.create(FLOATING_IP, draft.floatingIP(at('web'), { ...PUBLIC, subnetRef: { name } }))
    const figures: Figure[] = []
    let made = 1
    for (const number of numbers) {
      await makeOthers(cloud, made, number)
      made = number
      figures.push(...(await measure(cloud, hosts, n, number)))
    }
    return figures
  })
}

async function makeOthers({ client, namespace }: BenchCloud, from: number, to: number): Promise<void> {
  const at = (name: string) => ({ namespace, name })
  for (let first = from; first < to; first += AT_ONCE) {
    const names = Array.from({ length: Math.min(AT_ONCE, to - first) }, (_, i) => `o-${first + i}`)
    await Promise.all(
      names.map(async (name) => {
        await client.create(PORT, draft.port(at(name), 'net'))
        const spec = { ...PUBLIC, subnetRef: { name: 'many' }, portRef: { name } }
        await client.create(FLOATING_IP, draft.floatingIP(at(name), spec))
      }),
    )
  }
  for (let i = from; i < to; i++) {
    const isActive = (one: FloatingIP | undefined) => one?.status?.state === 'ACTIVE'
    await waitForObject<FloatingIP>(client, FLOATING_IP, at(`o-${i}`), isActive, { what: 'ACTIVE', timeoutMs: 60_000 })
  }
}

/** Connected until a packet is answered, and disconnected, time after time. */
async function measure(cloud: BenchCloud, { port, outer }: Hosts, n: number, number: number): Promise<Figure[]> {
  const { client, namespace } = cloud
  const at = { namespace, name: 'web' }
  const { status } = await waitForReady<FloatingIP>(client, FLOATING_IP, at)
  const address = status?.ipAddress ?? ''
  const lead = (portRef: { name: string } | null) => client.mergePatch(FLOATING_IP, at, { spec: { portRef } })
  const operator = listParts(cloud).filter(({ part }) => part === 'operator')
  const before = readCpu(operator)
  const samples: number[] = []
  for (let i = 0; i < n; i++) {
    samples.push(await untilAnswer(outer(address), () => lead({ name: port })))
    await lead(null)
    const isDown = (one: FloatingIP | undefined) =>
      one?.status?.state === 'DOWN' && one.status.observedGeneration === one.metadata.generation
    await waitForObject<FloatingIP>(client, FLOATING_IP, at, isDown, { what: 'DOWN', timeoutMs: 10_000 })
  }
  const cpuMs = since(before, readCpu(operator)).get('operator') ?? 0
  const metric = `FloatingIP of ${number}`
  return [
    ...figuresOf(BENCH, `${metric}, connected until a packet is answered`, samples, MOST_MS),
    toFigure({
      bench: BENCH,
      metric: `${metric}, connected and disconnected: CPU of the operator`,
      value: cpuMs / n,
      unit: 'ms',
      n,
    }),
  ]
}
