// SPDX-License-Identifier: Apache-2.0
// The way outside, by fifty pings a second: from the request that makes a Router with a gateway to the first answer that a host behind it
// gets from outside, and from the request that connects a FloatingIP to the first answer that a host outside gets.
import { outsideGateway } from '../e2e/harness/outside.ts'
import * as draft from '../e2e/harness/objects.ts'
import { FROM_EVERYWHERE, PUBLIC } from '../e2e/harness/public.ts'
import { waitForGone, waitForObject, waitForReady } from '../e2e/harness/wait.ts'
import { FLOATING_IP, ROUTER, SECURITY_GROUP } from '../lib/api/kinds.ts'
import type { FloatingIP } from '../lib/api/types.ts'
import { exec } from '../lib/exec.ts'
import { openDoor } from '../local/commands/ssh.ts'
import { fabricNet } from '../local/node/fabric.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { findOption } from './harness/arguments.ts'
import { median, quantile, toFigure, type Figure } from './harness/figure.ts'

export const about = 'a Router with a gateway, and a FloatingIP, from the request to the first packet that is answered'

const PING_SECONDS = 4
const ROUTER_MS = 1_500
const FLOATING_MS = 300

type Ping = (address: string) => Promise<string>

/** @param args --n N (20): turns of each; --others N (0): floating IPs that lead elsewhere meanwhile */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const [n, others] = [findOption(args, 'n', 20), findOption(args, 'others', 0)]
  return withCloud('outside', {}, async (cloud) => {
    await prepareProject(cloud)
    await askOften(cloud)
    const at = (name: string) => ({ namespace: cloud.namespace, name })
    await cloud.client.create(SECURITY_GROUP, draft.securityGroup(at('open'), FROM_EVERYWHERE))
    const groups = { securityGroupRefs: [{ name: 'open' }] }
    const door = await openDoor(cloud.cloud, cloud.namespace, { name: 'net' }, groups)
    const within = (...argv: string[]) =>
      cloud.cloud.exec(door.node, ['ip', 'netns', 'exec', door.netns, ...argv], { timeoutMs: 30_000 })
    await within('ip', 'route', 'add', 'default', 'via', '10.20.0.1')
    const outside = outsideGateway(cloud)
    try {
      const inner: Ping = async (address) => (await within(...ping(address))).stdout
      const routers: number[] = []
      for (let i = 0; i < n; i++) routers.push(await routerTurn(cloud, `r-${i}`, outside.address, inner, i === n - 1))
      for (let i = 0; i < others; i++) await cloud.client.create(FLOATING_IP, draft.floatingIP(at(`o-${i}`), PUBLIC))
      const outer: Ping = async (address) => (await outside.within(ping(address))).stdout
      return toFigures(routers, await floatingTurns(cloud, door.netns, n, outer), others)
    } finally {
      await door.close()
    }
  })
}

/** A kernel asks once a second for a MAC address that nobody has: what waits for that would be measured. */
async function askOften({ cloud }: BenchCloud): Promise<void> {
  const { fabric } = cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const file = '/proc/sys/net/ipv4/neigh/ext/retrans_time_ms'
  await exec(['nsenter', `--net=${fabricNet(fabric)}`, 'tee', file], { timeoutMs: 10_000, input: '20\n' })
}

/** Ends with 0 whatever is answered. */
function ping(address: string): string[] {
  return ['sh', '-c', `ping -D -i 0.02 -W 1 -c ${PING_SECONDS * 50} "$1"; :`, 'sh', address]
}

/** Milliseconds from the request to the first answer. @throws when there is none */
async function untilAnswer(pings: Promise<string>, request: () => Promise<unknown>): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 300))
  const begun = Date.now()
  await request()
  const first = /^\[(\d+\.\d+)\] \d+ bytes/m.exec(await pings)?.[1]
  if (first === undefined) throw new Error(`no answer within ${PING_SECONDS} s`)
  return Number(first) * 1000 - begun
}

async function routerTurn(
  { client, namespace }: BenchCloud,
  name: string,
  outside: string,
  pings: Ping,
  stays: boolean,
): Promise<number> {
  const at = { namespace, name }
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
  const ms = await untilAnswer(pings(outside), () => client.create(ROUTER, draft.router(at, spec)))
  if (stays) return ms
  await client.remove(ROUTER, at)
  await waitForGone(client, ROUTER, at)
  return ms
}

async function floatingTurns(
  { client, namespace }: BenchCloud,
  port: string,
  n: number,
  pings: Ping,
): Promise<number[]> {
  const at = { namespace, name: 'web' }
  await client.create(FLOATING_IP, draft.floatingIP(at, PUBLIC))
  const { status } = await waitForReady<FloatingIP>(client, FLOATING_IP, at)
  const address = status?.ipAddress ?? ''
  const lead = (portRef: { name: string } | null) => client.mergePatch(FLOATING_IP, at, { spec: { portRef } })
  const samples: number[] = []
  for (let i = 0; i < n; i++) {
    samples.push(await untilAnswer(pings(address), () => lead({ name: port })))
    await lead(null)
    const isDown = (one: FloatingIP | undefined) =>
      one?.status?.state === 'DOWN' && one.status.observedGeneration === one.metadata.generation
    await waitForObject<FloatingIP>(client, FLOATING_IP, at, isDown, { what: 'DOWN', timeoutMs: 10_000 })
  }
  return samples
}

function toFigures(routers: readonly number[], floating: readonly number[], others: number): Figure[] {
  const figures = (metric: string, samples: readonly number[], most: number): Figure[] => [
    toFigure({ bench: 'outside', metric: `${metric}, median`, value: median(samples), unit: 'ms', n: samples.length }),
    toFigure({
      ...{ bench: 'outside', metric: `${metric}, p95`, value: quantile(samples, 0.95), unit: 'ms', n: samples.length },
      target: { text: `<= ${most} ms`, pass: quantile(samples, 0.95) <= most },
    }),
  ]
  return [
    ...figures('Router with gateway until a packet is answered', routers, ROUTER_MS),
    ...figures(`FloatingIP, beside ${others} others, until a packet is answered`, floating, FLOATING_MS),
  ]
}
