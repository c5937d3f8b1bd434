// SPDX-License-Identifier: Apache-2.0
// A gateway's node dies and comes back, and the two of a Router lose each other alone: which of them forward is counted on their cables. Traffic of
// Ports elsewhere loses nothing.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FloatingIP, Router } from '../../lib/api/types.ts'
import { addressesOf, defineNodes } from '../../local/cloud/definition.ts'
import { listenToFrames, sharedMs, type Frame } from '../harness/frames.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { outsideGateway, type OutsideHost } from '../harness/outside.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const [ACTIVE, ELSEWHERE] = ['compute-2', 'compute-1']
const LABEL = 'nephele.dev/network'
/** Three times 200 ms of BFD, and what two tenths of a second that are counted whole add to it. */
const BFD_MS = 600 + 200
const WATCHED_SECONDS = 8
/** Of WATCHED_SECONDS * 20: one in twenty. */
const MOST_LOST_APART = 8
const DAEMONS = ['ovs-vswitchd', 'ovn-controller'] as const

let project: Project
let outside: OutsideHost
let standby: string
let mac = ''
/** By the node that they are on; `far` is on another Network of the Router. */
const doors: Record<'active' | 'standby' | 'elsewhere' | 'far', GuestDoor> = {} as never
/** A machine elsewhere, and its FloatingIP, which its node translates. */
let machine = ''
let floatingAddress = ''

const gateways = (wanted: readonly string[]) =>
  waitForObject<Router>(
    project.test.client,
    ROUTER,
    project.at('r'),
    (one) => JSON.stringify(one?.status?.gateways) === JSON.stringify(wanted),
    { what: `gateways ${wanted.join(', ')}`, timeoutMs: 30_000 },
  )

beforeAll(async () => {
  project = await Project.create('router-lost', { net: '10.88.0.0/24' })
  const { cloud, client, networkNode } = project.test
  standby = networkNode
  outside = outsideGateway(project.test)
  await project.createNetwork('far', '10.89.0.0/24')
  await cloud.kubectl(['label', 'node', ACTIVE, `${LABEL}=gateway`])
  // So that the other one comes first.
  await cloud.kubectl(['cordon', standby])
  const rules = [{ direction: 'ingress', protocol: 'icmp' }, { direction: 'egress' }]
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), { rules }))
  await project.createInstance('vm', { ...ON_NET, securityGroupRefs: [{ name: 'open' }], availabilityZone: 'zone-a' })
  const interfaces = ['net', 'far'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces, externalGateway: PUBLIC }))
  await waitForReady(client, ROUTER, project.at('r'))
  const open = async (node: string, network = 'net') => {
    const door = await project.openDoor({ securityGroupRefs: [{ name: 'open' }] }, network, node)
    await door.within(['ip', 'route', 'add', 'default', 'via', network === 'net' ? '10.88.0.1' : '10.89.0.1'])
    return door
  }
  doors.active = await open(ACTIVE)
  doors.standby = await open(standby)
  doors.elsewhere = await open(ELSEWHERE)
  doors.far = await open(standby, 'far')
  await gateways([ACTIVE])
  await cloud.kubectl(['uncordon', standby])
  await gateways([ACTIVE, standby])
  const vm = await project.waitActive('vm')
  expect(vm.status?.node).toBe(ELSEWHERE)
  machine = addressOf(vm)
  await project.waitForMark('vm', 'login')
  await project.create(FLOATING_IP, draft.floatingIP(project.at('f'), { ...PUBLIC, instanceRef: { name: 'vm' } }))
  const floating = await waitForReady<FloatingIP>(client, FLOATING_IP, project.at('f'))
  expect(floating.status?.distributed).toBe(true)
  floatingAddress = floating.status?.ipAddress ?? ''
  const address = (await gateways([ACTIVE, standby]))?.status?.externalGateway?.fixedIPs?.[0]?.ipAddress ?? ''
  await untilSteady()
  expect(await outside.pings(address, 10)).toBe(true)
  mac = (await outside.macOf(address)) ?? ''
}, 120_000)
afterAll(async () => {
  const { cloud } = project.test
  await cloud.kubectl(['uncordon', standby])
  await cloud.kubectl(['label', 'node', ACTIVE, `${LABEL}-`])
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 180_000)

/** Every way that is watched answers. */
async function untilSteady(): Promise<void> {
  for (const door of Object.values(doors))
    await waitUntilTrue(
      `${door.port} to reach the outside`,
      async () => (await door.pings(outside.address, 1)) || undefined,
    )
  await waitUntilTrue('the floating IP', async () => (await outside.pings(floatingAddress, 1)) || undefined)
}

type Within = Pick<GuestDoor, 'within'>
/** How many of twenty pings a second were sent, and how many answered. */
async function ping(from: Within, to: string): Promise<{ sent: number; lost: number }> {
  const argv = ['sh', '-c', `ping -q -i 0.05 -c ${WATCHED_SECONDS * 20} -W 2 "$1"; :`, 'sh', to]
  const { stdout } = await from.within(argv, (WATCHED_SECONDS + 20) * 1000)
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? []
  return { sent: Number(sent), lost: Number(sent) - Number(received) }
}

interface Watched {
  frames: Frame[]
  /** Pings of Ports elsewhere that were not answered. */
  lost: Record<string, number>
  /** The same of machines behind the gateway, of WATCHED_SECONDS * 20; by the node that they are on. */
  lostThrough: Record<string, number>
}

/** What passes meanwhile. @param during is begun after a second and a half */
async function watch(during: () => Promise<unknown>): Promise<Watched> {
  const end = await listenToFrames(project.test, [ACTIVE, standby], mac)
  // Each node forwards what its own Ports send as soon as it takes itself for the active one.
  const through = ([ACTIVE, standby, ELSEWHERE] as const).map((node, i) => {
    const door = [doors.active, doors.standby, doors.elsewhere][i]
    // With a node that dies whole goes whoever pings there.
    return [node, door && ping(door, outside.address).catch(() => ({ lost: WATCHED_SECONDS * 20 }))] as const
  })
  const elsewhere = {
    'to another node': ping(doors.elsewhere, doors.standby.address),
    'to another Network on another node': ping(doors.elsewhere, doors.far.address),
    'to a machine on the same node': ping(doors.elsewhere, machine),
    'to it from another node': ping(doors.standby, machine),
    'to its floating IP from outside': ping(outside, floatingAddress),
  }
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  await during()
  const [lost, lostThrough]: Record<string, number>[] = [{}, {}]
  for (const [what, result] of Object.entries(elsewhere)) {
    const { sent, lost: missing } = await result
    expect(sent).toBe(WATCHED_SECONDS * 20)
    Object.assign(lost ?? {}, { [what]: missing })
  }
  for (const [node, result] of through) Object.assign(lostThrough ?? {}, { [node]: (await result)?.lost })
  const frames = await end()
  console.log(
    `both forwarded for ${sharedMs(frames)} ms; ${describe(frames)}; lost elsewhere ${sum(lost)}, through the gateway ${JSON.stringify(lostThrough)}`,
  )
  return { frames, lost: lost ?? {}, lostThrough: lostThrough ?? {} }
}
const sum = (lost: Record<string, number> = {}) => Object.values(lost).reduce((all, one) => all + one, 0)
/** How many frames each node forwarded, and with how many it said where the address is. */
const describe = (frames: readonly Frame[]) =>
  [ACTIVE, standby]
    .map((node) => {
      const own = frames.filter((frame) => frame.node === node)
      const said = own.filter(({ isAnnouncement }) => isAnnouncement).length
      return `${node} ${own.length - said} and ${said} announcements`
    })
    .join(', ')
const none = (lost: Record<string, number>) => Object.fromEntries(Object.keys(lost).map((what) => [what, 0]))
const forwarders = (frames: readonly Frame[]) =>
  new Set(frames.filter(({ isAnnouncement }) => !isAnnouncement).map(({ node }) => node))

test('its switch is killed, and comes back: one node forwards at a time, and no Port elsewhere loses a packet', async () => {
  const { cloud } = project.test
  const { frames, lost } = await watch(() =>
    Promise.all(DAEMONS.map((daemon) => cloud.stopDaemon(ACTIVE, daemon, 'SIGKILL'))),
  )
  expect(forwarders(frames)).toEqual(new Set([ACTIVE, standby]))
  expect(sharedMs(frames)).toBeLessThanOrEqual(BFD_MS)
  expect(lost).toEqual(none(lost))

  const back = await watch(async () => {
    for (const daemon of DAEMONS) await cloud.startDaemon(ACTIVE, daemon)
  })
  expect(forwarders(back.frames)).toEqual(new Set([ACTIVE, standby]))
  expect(sharedMs(back.frames)).toBeLessThanOrEqual(BFD_MS)
  expect(back.lost).toEqual(none(back.lost))
  await untilSteady()
}, 90_000)

test('both live and lose each other alone: OVN has both forward until they find each other, and one from then on', async () => {
  const { cloud } = project.test
  const index = defineNodes(cloud.state).find(({ name }) => name === standby)?.index ?? 0
  const peer = addressesOf(cloud.state.subnet).tunnelOf({ index })
  const flows = (...argv: string[]) => cloud.exec(ACTIVE, ['ovs-ofctl', ...argv])
  const ways = [`ip,nw_dst=${peer}`, `ip,nw_src=${peer}`]
  try {
    const apart = await watch(async () => {
      for (const way of ways) await flows('add-flow', 'br-phys', `priority=1000,${way},actions=drop`)
    })
    expect(forwarders(apart.frames)).toEqual(new Set([ACTIVE, standby]))
    expect(sharedMs(apart.frames)).toBeGreaterThan(BFD_MS)
    expect(apart.lost).toEqual(none(apart.lost))
    // They send to the one that comes first, and so does the outside but for the moment after a frame of the other.
    for (const node of [ACTIVE, ELSEWHERE]) expect(apart.lostThrough[node]).toBeLessThanOrEqual(MOST_LOST_APART)
  } finally {
    for (const way of ways) await flows('del-flows', 'br-phys', way)
  }
  const together = await watch(() => Promise.resolve())
  // What is before the switch over counts, too.
  expect(sharedMs(together.frames)).toBeLessThanOrEqual(2 * 1000 + BFD_MS)
  await untilSteady()
  const steady = await watch(() => Promise.resolve())
  expect(forwarders(steady.frames)).toEqual(new Set([ACTIVE]))
  expect(sum(steady.lostThrough)).toBe(0)
}, 120_000)

test('the whole node is gone: no Port elsewhere loses a packet', async () => {
  const { cloud } = project.test
  try {
    const { frames, lost } = await watch(() => cloud.stopNode(ACTIVE))
    expect(forwarders(frames)).toEqual(new Set([ACTIVE, standby]))
    expect(sharedMs(frames)).toBeLessThanOrEqual(BFD_MS)
    expect(lost).toEqual(none(lost))
  } finally {
    await cloud.startNode(ACTIVE)
    const isUp = () =>
      cloud.exec(ACTIVE, ['ovs-vsctl', '--timeout=5', 'show']).then(
        () => true,
        () => undefined,
      )
    await waitUntilTrue('its switch', isUp)
  }
}, 120_000)
