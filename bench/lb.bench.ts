// SPDX-License-Identifier: Apache-2.0
// Connections a second through an L4 LoadBalancer over those made directly to a member, in turns; and how long connections still fail after
// a member has died: its service alone, which then refuses, or the whole machine, which says nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GuestDoor } from '../e2e/harness/guest-door.ts'
import * as draft from '../e2e/harness/objects.ts'
import { FROM_EVERYWHERE } from '../e2e/harness/public.ts'
import { waitForObject, waitForReady } from '../e2e/harness/wait.ts'
import { INSTANCE, KEY_PAIR, LOAD_BALANCER, ROUTER, SECURITY_GROUP } from '../lib/api/kinds.ts'
import type { Instance, LoadBalancer } from '../lib/api/types.ts'
import { ensureKey } from '../local/commands/ssh.ts'
import { findOption } from './harness/arguments.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { median, toFigure, type Figure } from './harness/figure.ts'

export const about =
  'connections a second through a LoadBalancer over direct ones, and how long a dead member is still tried'

const PROGRAM = readFileSync(join(import.meta.dirname, 'harness/connections-program.mjs'), 'utf8')
const [NODE, PORT, SECONDS] = ['/opt/nephele/bin/node', 80, 3]
const [RATE_VIP, PROBED_VIP] = ['10.20.0.200', '10.20.0.201']
/** OVN's probes need three: operator/network/ovn/probe-timing.ts. */
const INTERVAL_SECONDS = 3
const MOST_INTERVALS = 2
const TIMEOUT_SECONDS = 1
const WATCHED_SECONDS = 10

/** @param args --n N (8): turns of connections each way; --deaths N (5): of each kind; 0 for none */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const [n, deaths] = [findOption(args, 'n', 8), findOption(args, 'deaths', 5)]
  return withCloud('lb', {}, async (cloud) => {
    await prepareProject(cloud)
    const at = (name: string) => ({ namespace: cloud.namespace, name })
    await cloud.client.create(SECURITY_GROUP, draft.securityGroup(at('open'), FROM_EVERYWHERE))
    await cloud.client.create(ROUTER, draft.router(at('r'), { interfaces: [{ subnetRef: { name: 'net' } }] }))
    await waitForReady(cloud.client, ROUTER, at('r'))
    return [...(await rateFigures(cloud, n)), ...(deaths === 0 ? [] : await deathFigures(cloud, deaths))]
  })
}

const program = (door: GuestDoor, args: readonly (string | number)[], timeoutMs?: number) =>
  door.within([NODE, '--input-type=module', '-e', PROGRAM, '--', ...args.map(String)], timeoutMs)

function openDoor(cloud: BenchCloud): Promise<GuestDoor> {
  const place = { test: cloud, namespace: cloud.namespace }
  return GuestDoor.open(place, 'net', { securityGroupRefs: [{ name: 'open' }] })
}

async function rateFigures(cloud: BenchCloud, n: number): Promise<Figure[]> {
  const [client, one, two] = [await openDoor(cloud), await openDoor(cloud), await openDoor(cloud)] as const
  const members = [one, two].map(({ address }) => ({ ipAddress: address }))
  await balance(cloud, 'rate', RATE_VIP, { port: PORT, members })
  const serving = [one, two].map((door) => program(door, ['serve', PORT], 600_000).catch(() => undefined))
  const rate = async (address: string) =>
    Number((await program(client, ['count', address, PORT, SECONDS])).stdout) / SECONDS
  const [balanced, direct]: number[][] = [[], []]
  for (let i = -1; i < n; i++) {
    const [ours, theirs] = [await rate(RATE_VIP), await rate(one.address)]
    if (i < 0) continue
    balanced?.push(ours)
    direct?.push(theirs)
    console.log(`balanced ${ours.toFixed(0)}/s, direct ${theirs.toFixed(0)}/s`)
  }
  for (const door of [client, one, two]) {
    await door.within(['sh', '-c', 'kill $(ip netns pids "$0") 2> /dev/null; :', door.port]).catch(() => undefined)
    await door.close()
  }
  await Promise.all(serving)
  const ratios = balanced?.map((value, i) => value / (direct?.[i] ?? NaN)) ?? []
  return [
    toFigure({
      ...{ bench: 'lb', metric: 'connections a second, median', unit: '/s', n, value: median(balanced ?? []) },
      peer: { name: 'direct', value: median(direct ?? []) },
    }),
    toFigure({
      ...{ bench: 'lb', metric: 'balanced over direct, turn by turn, median', unit: 'x', n },
      value: median(ratios),
    }),
  ]
}

async function balance(cloud: BenchCloud, name: string, ipAddress: string, listener: object): Promise<void> {
  const at = { namespace: cloud.namespace, name }
  const spec = {
    vip: { subnetRef: { name: 'net' }, ipAddress },
    listeners: [{ name: 'l', protocol: 'tcp', ...listener }],
  }
  await cloud.client.create(LOAD_BALANCER, draft.loadBalancer(at, spec))
  await waitForReady(cloud.client, LOAD_BALANCER, at)
}

interface Death {
  name: string
  failureThreshold: number
  kill(): Promise<unknown>
  revive(): Promise<unknown>
}

async function deathFigures(cloud: BenchCloud, times: number): Promise<Figure[]> {
  const [door, dying] = await bootMembers(cloud)
  const listener = { port: 80, members: [{ instanceSelector: { matchLabels: { app: 'web' } } }] }
  await balance(cloud, 'probed', PROBED_VIP, { ...listener, healthMonitor: monitor(2) })
  const node = dying.status?.node ?? ''
  const signal = (name: string) =>
    cloud.cloud.exec(node, [
      ...['sh', '-e', '-c', 'kill -"$1" "$(cat "/run/libvirt/qemu/$(virsh domname "$0").pid")"'],
      ...[dying.metadata.uid, name],
    ])
  const kinds: Death[] = [
    {
      ...{ name: 'whose service has ended', failureThreshold: 2 },
      kill: () => door.ssh(dying, 'killall httpd'),
      revive: () => door.ssh(dying, 'httpd -p 80 -h /tmp/www'),
    },
    {
      ...{ name: 'that hangs', failureThreshold: 2 },
      kill: () => signal('STOP'),
      revive: () => signal('CONT'),
    },
  ]
  const figures: Figure[] = []
  for (const kind of kinds) {
    const seconds: number[] = []
    for (let i = 0; i < times; i++) {
      await untilOnline(cloud, kind.failureThreshold)
      seconds.push(await tryDeath(door, kind))
      console.log(`a member ${kind.name}: tried for ${seconds.at(-1)?.toFixed(1)} s`)
    }
    const [worst, most] = [Math.max(...seconds), MOST_INTERVALS * INTERVAL_SECONDS]
    const metric = `a member ${kind.name} is tried for, greatest`
    const target = { text: `<= ${most} s: ${MOST_INTERVALS} intervals`, pass: worst <= most }
    figures.push(toFigure({ bench: 'lb', metric, value: worst, unit: 's', n: times, target }))
  }
  await door.close()
  return figures
}

const monitor = (failureThreshold: number) => ({
  ...{ intervalSeconds: INTERVAL_SECONDS, timeoutSeconds: TIMEOUT_SECONDS, successThreshold: 1, failureThreshold },
})

async function bootMembers(cloud: BenchCloud): Promise<[GuestDoor, Instance]> {
  const { client, namespace } = cloud
  const at = (name: string) => ({ namespace, name })
  await client.create(KEY_PAIR, draft.keyPair(at('door'), await ensureKey(cloud.cloud)))
  const networks = [{ networkRef: { name: 'net' } }]
  for (const name of ['one', 'two']) {
    const spec = { networks, keyPairRef: { name: 'door' }, securityGroupRefs: [{ name: 'open' }] }
    const machine = draft.instance(at(name), spec)
    await client.create(INSTANCE, { ...machine, metadata: { ...machine.metadata, labels: { app: 'web' } } })
  }
  const door = await openDoor(cloud)
  const machines = ['one', 'two'].map((name) => waitForReady<Instance>(client, INSTANCE, at(name), 90_000))
  const [, dying] = await Promise.all(machines)
  if (!dying) throw new Error('no machine')
  return [door, dying]
}

async function untilOnline({ client, namespace }: BenchCloud, failureThreshold: number): Promise<void> {
  const at = { namespace, name: 'probed' }
  const { spec } = await client.get<LoadBalancer>(LOAD_BALANCER, at)
  const listeners = [{ ...spec.listeners[0], healthMonitor: monitor(failureThreshold) }]
  await client.mergePatch(LOAD_BALANCER, at, { spec: { listeners } })
  const areOnline = (one: LoadBalancer | undefined) =>
    one?.status?.observedGeneration === one?.metadata.generation &&
    (one?.status?.listeners?.[0]?.members ?? []).filter(({ status }) => status === 'ONLINE').length === 2
  await waitForObject<LoadBalancer>(client, LOAD_BALANCER, at, areOnline, { what: 'both online', timeoutMs: 120_000 })
}

/** Seconds from the first connection that is not made to the last one. */
async function tryDeath(door: GuestDoor, death: Death): Promise<number> {
  const watched = program(door, ['watch', PROBED_VIP, 80, WATCHED_SECONDS])
  await new Promise((resolve) => setTimeout(resolve, 500))
  await death.kill()
  const turns = JSON.parse((await watched).stdout) as [number, boolean][]
  await death.revive()
  const failed = turns.flatMap(([at, isMade]) => (isMade ? [] : at))
  if (failed.length === 0) throw new Error('a dead member was never tried')
  return (Math.max(...failed) - Math.min(...failed)) / 1000
}
