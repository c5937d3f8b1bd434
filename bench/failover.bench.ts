// SPDX-License-Identifier: Apache-2.0
// The node that carries a Router's traffic to the outside dies: the longest gap of twenty pings a second from outside. Beside it, on the
// same nodes and killed by the same stroke, a router of bare OVN, whose rows ovn-nbctl wrote and the operator knows nothing of, with the
// same BFD timers, which are one for the whole of OVN.
import { nbctl } from '../e2e/harness/northbound.ts'
import * as draft from '../e2e/harness/objects.ts'
import { outsideGateway } from '../e2e/harness/outside.ts'
import { plugOn } from '../e2e/harness/plugged.ts'
import { PUBLIC } from '../e2e/harness/public.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../e2e/harness/wait.ts'
import { ROUTER } from '../lib/api/kinds.ts'
import type { Router } from '../lib/api/types.ts'
import { PHYSICAL_NETWORK } from '../local/cloud/external-network.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { findOption } from './harness/arguments.ts'
import { median, toFigure, type Figure } from './harness/figure.ts'

export const about = 'the longest gap of a ping from outside when the gateway node of a Router dies, beside bare OVN'

const SECOND = 'compute-2'
/** Has a machine of the router: a node that reaches no other at all takes over nothing, since it could be cut off itself. */
const THIRD = 'compute-1'
const MEDIAN_MS = 1_000
const MOST_MS = 2_000
const MOST_RATIO = 1.1
const WATCHED_SECONDS = 6
/** Outside of the pool of the external Subnet. */
const BARE_LAST_BYTE = 252

/** @param args --n N (10): how many times it dies */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 10)
  return withCloud('failover', {}, async (cloud) => {
    await prepareProject(cloud)
    await cloud.cloud.kubectl(['label', 'node', SECOND, 'nephele.dev/network=gateway'])
    const ours = await makeOurs(cloud)
    const bare = await makeBare(cloud)
    await plugOn(cloud, THIRD, { namespace: cloud.namespace, name: 'machine' }, 'net')
    const gaps: { ours: number; bare: number }[] = []
    for (let i = 0; i < n; i++) {
      await waitUntilSteady(cloud, ours, bare)
      gaps.push(await dieOnce(cloud, ours, bare))
      console.log(`ours ${gaps[i]?.ours.toFixed(0)} ms, bare ${gaps[i]?.bare.toFixed(0)} ms`)
    }
    return toFigures(gaps)
  })
}

async function makeOurs({ client, namespace, networkNode }: BenchCloud): Promise<string> {
  const at = { namespace, name: 'r' }
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
  await client.create(ROUTER, draft.router(at, spec))
  const { status } = await waitForReady<Router>(client, ROUTER, at)
  const isBoth = (router: Router | undefined) => router?.status?.gateways?.join() === `${networkNode},${SECOND}`
  await waitForObject<Router>(client, ROUTER, at, isBoth, { what: 'both gateway nodes', timeoutMs: 30_000 })
  return status?.externalGateway?.fixedIPs?.[0]?.ipAddress ?? ''
}

/** As ours, with a machine of its own on the third node. The southbound role of the cloud lets a node claim what names it in external_ids. */
async function makeBare(cloud: BenchCloud): Promise<string> {
  const { address } = outsideGateway(cloud)
  const own = address.replace(/\d+$/, String(BARE_LAST_BYTE))
  const router = ['lr-add', 'bare', '--', 'lrp-add', 'bare', 'bare-out', '0a:00:00:00:00:fc', `${own}/24`]
  const chassis = [cloud.networkNode, SECOND].flatMap((node, i) => [
    ...['--', 'lrp-set-gateway-chassis', 'bare-out', node, String(100 - i)],
    ...['--', 'set', 'Logical_Router_Port', 'bare-out', `external_ids:nephele_gateway_${i + 1}=${node}`],
  ])
  const joint = ['--', 'lsp-add', 'bare-ext', 'bare-ext-router', '--', 'lsp-set-type', 'bare-ext-router', 'router']
  const end = ['--', 'lsp-set-addresses', 'bare-ext-router', 'router', '--', 'lsp-set-options', 'bare-ext-router']
  const options = ['router-port=bare-out', 'nat-addresses=router']
  const net = ['--', 'ls-add', 'bare-ext', '--', 'lsp-add', 'bare-ext', 'bare-net', '--', 'lsp-set-type', 'bare-net']
  const localnet = ['localnet', '--', 'lsp-set-addresses', 'bare-net', 'unknown', '--', 'lsp-set-options', 'bare-net']
  const physical = [`network_name=${PHYSICAL_NETWORK}`]
  // What translates is announced by whoever takes over, by nat-addresses.
  const nat = ['--', 'lr-nat-add', 'bare', 'snat', own, '10.250.0.0/24']
  const inside = [
    '--',
    'ls-add',
    'bare-in',
    '--',
    'lrp-add',
    'bare',
    'bare-in-router',
    '0a:00:00:00:00:fd',
    '10.250.0.1/24',
  ]
  const insideEnd = ['--', 'lsp-add', 'bare-in', 'bare-in-end', '--', 'lsp-set-type', 'bare-in-end', 'router']
  const insideOptions = ['--', 'lsp-set-addresses', 'bare-in-end', 'router', '--', 'lsp-set-options', 'bare-in-end']
  const machine = ['--', 'lsp-add', 'bare-in', 'bare-machine', '--', 'lsp-set-options', 'bare-machine']
  await nbctl(cloud, ...router, ...chassis, ...nat, ...net, ...localnet, ...physical, ...joint, ...end, ...options)
  const ends = [...insideEnd, ...insideOptions, 'router-port=bare-in-router']
  await nbctl(cloud, ...inside.slice(1), ...ends, ...machine, `requested-chassis=${THIRD}`)
  const plug = ['add-port', 'br-int', 'bare-machine', '--', 'set', 'Interface', 'bare-machine', 'type=internal']
  await cloud.cloud.exec(THIRD, ['ovs-vsctl', '--timeout=10', ...plug, 'external_ids:iface-id=bare-machine'])
  return own
}

/** Both are on the first node, which lets go until BFD has found the other: a node that reaches none of its peers could be cut off itself. */
async function waitUntilSteady(cloud: BenchCloud, ours: string, bare: string): Promise<void> {
  const isSteady = async () => {
    const gaps = await Promise.all([ours, bare].map((address) => longestGap(cloud, address, 3)))
    return gaps.every((gap) => gap < 200) || undefined
  }
  await waitUntilTrue('both answer without a gap', isSteady, 90_000)
}

async function dieOnce(cloud: BenchCloud, ours: string, bare: string): Promise<{ ours: number; bare: number }> {
  const { cloud: local, networkNode } = cloud
  const daemons = ['ovs-vswitchd', 'ovn-controller'] as const
  const pings = [ours, bare].map((address) => longestGap(cloud, address, WATCHED_SECONDS))
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await Promise.all(daemons.map((daemon) => local.stopDaemon(networkNode, daemon, 'SIGKILL')))
  const [ofOurs = NaN, ofBare = NaN] = await Promise.all(pings)
  for (const daemon of daemons) await local.startDaemon(networkNode, daemon)
  return { ours: ofOurs, bare: ofBare }
}

/** Of twenty pings a second, up to the end of the watch; as long as that where hardly any is answered. */
async function longestGap(cloud: BenchCloud, address: string, seconds: number): Promise<number> {
  const argv = ['sh', '-c', `ping -D -i 0.05 -c ${seconds * 20} -W 1 "$1"; :`, 'sh', address]
  const { stdout } = await outsideGateway(cloud).within(argv, (seconds + 20) * 1000)
  const at = [...stdout.matchAll(/^\[(\d+\.\d+)\] \d+ bytes/gm)].map(([, time]) => Number(time) * 1000)
  if (at.length < 2) return seconds * 1000
  at.push((at[0] ?? 0) + seconds * 1000)
  return Math.max(...at.slice(1).map((time, i) => time - (at[i] ?? time)))
}

function toFigures(gaps: readonly { ours: number; bare: number }[]): Figure[] {
  const [ours, bare] = [gaps.map((gap) => gap.ours), gaps.map((gap) => gap.bare)]
  const middle = median(ours)
  const ratio = middle / median(bare)
  const common = { bench: 'failover', unit: 'ms', n: gaps.length }
  return [
    toFigure({
      ...{ ...common, metric: 'longest gap, median', value: middle },
      target: { text: `<= ${MEDIAN_MS} ms`, pass: middle <= MEDIAN_MS },
    }),
    toFigure({
      ...{ ...common, metric: 'longest gap, greatest', value: Math.max(...ours) },
      peer: { name: 'bare OVN', value: Math.max(...bare) },
      target: { text: `<= ${MOST_MS} ms`, pass: Math.max(...ours) <= MOST_MS },
    }),
    toFigure({
      ...{ ...common, metric: 'longest gap, median, over bare OVN', value: middle },
      peer: { name: 'bare OVN', value: median(bare) },
      target: { text: `<= ${MOST_RATIO} x`, pass: ratio <= MOST_RATIO },
    }),
  ]
}
