// SPDX-License-Identifier: Apache-2.0
// Pings between a host behind a router and one outside, and how long it takes until one is answered.
import { outsideGateway } from '../../e2e/harness/outside.ts'
import * as draft from '../../e2e/harness/objects.ts'
import { FROM_EVERYWHERE } from '../../e2e/harness/public.ts'
import { SECURITY_GROUP } from '../../lib/api/kinds.ts'
import { exec } from '../../lib/exec.ts'
import { openDoor } from '../../local/commands/ssh.ts'
import { fabricNet } from '../../local/node/fabric.ts'
import type { BenchCloud } from './bench-cloud.ts'
import { median, quantile, toFigure, type Figure } from './figure.ts'

/** Beside many routers, and other work, OVN takes its time. */
const PING_SECONDS = 40
const PATIENCE_MS = (PING_SECONDS + 20) * 1000

/** Pings the address fifty times a second until the first answer. @returns what ping printed */
export type Ping = (address: string) => Promise<string>

export interface Hosts extends AsyncDisposable {
  /** From a host on network `net` of the project. */
  inner: Ping
  /** Its Port. */
  port: string
  /** From a host outside. */
  outer: Ping
  /** Address of that one. */
  outside: string
}

export async function openHosts(cloud: BenchCloud): Promise<Hosts> {
  await askOften(cloud)
  const at = (name: string) => ({ namespace: cloud.namespace, name })
  await cloud.client.create(SECURITY_GROUP, draft.securityGroup(at('open'), FROM_EVERYWHERE))
  const groups = { securityGroupRefs: [{ name: 'open' }] }
  const door = await openDoor(cloud.cloud, cloud.namespace, { name: 'net' }, groups)
  const within = (...argv: string[]) =>
    cloud.cloud.exec(door.node, ['ip', 'netns', 'exec', door.netns, ...argv], { timeoutMs: PATIENCE_MS })
  await within('ip', 'route', 'add', 'default', 'via', '10.20.0.1')
  const outside = outsideGateway(cloud)
  return {
    inner: async (address) => (await within(...ping(address))).stdout,
    outer: async (address) => (await outside.within(ping(address), PATIENCE_MS)).stdout,
    ...{ port: door.netns, outside: outside.address },
    [Symbol.asyncDispose]: () => door.close(),
  }
}

/** A kernel asks once a second for a MAC address that nobody has: what waits for that would be measured. */
async function askOften({ cloud }: BenchCloud): Promise<void> {
  const { fabric } = cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const file = '/proc/sys/net/ipv4/neigh/ext/retrans_time_ms'
  await exec(['nsenter', `--net=${fabricNet(fabric)}`, 'tee', file], { timeoutMs: 10_000, input: '20\n' })
}

/**
 * Ends with the first answer, and with 0 whatever is answered. Without ping's own deadline (-w): with one it also ends when the kernel
 * finds no MAC address, which is what is waited for.
 */
function ping(address: string): string[] {
  return ['sh', '-c', `ping -D -i 0.02 -c ${PING_SECONDS * 50} "$1" | grep -m 1 "bytes from"; :`, 'sh', address]
}

/** Milliseconds from the request to the first answer. @throws when there is none */
export async function untilAnswer(pings: Promise<string>, request: () => Promise<unknown>): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 300))
  const begun = Date.now()
  await request()
  const first = /^\[(\d+\.\d+)\] \d+ bytes/m.exec(await pings)?.[1]
  if (first === undefined) throw new Error(`no answer within ${PING_SECONDS} s`)
  return Number(first) * 1000 - begun
}

/** Median, and the p95 that has a bound. */
export function figuresOf(bench: string, metric: string, samples: readonly number[], mostMs: number): Figure[] {
  const n = samples.length
  const p95 = quantile(samples, 0.95)
  return [
    toFigure({ bench, metric: `${metric}, median`, value: median(samples), unit: 'ms', n }),
    toFigure({
      ...{ bench, metric: `${metric}, p95`, value: p95, unit: 'ms', n },
      target: { text: `<= ${mostMs} ms`, pass: p95 <= mostMs },
    }),
  ]
}
