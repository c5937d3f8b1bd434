// SPDX-License-Identifier: Apache-2.0
// Packet rates of ports by packets that arrive or do not, on a real switch with real OVN, as the agent's documents say them.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import type { PortDocument } from '../../lib/contract/documents.ts'
import { until } from '../../lib/time/until.ts'
import { tapName } from '../compute/paths.ts'
import { startDaemon, stopDaemon } from '../../local/node/daemons.ts'
import type { LogicalPort } from '../../operator/network/logical-kinds.ts'
import type { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, type TestCluster, type TestNode } from './testing/cluster.ts'
import { startNetworkDriver } from './testing/network-driver.ts'
import { Workload } from './testing/workload.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const networkUid = randomUUID()
const VLAN = 100
const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms)
const [one, two, sub, three] = [1, 2, 3, 4].map((n) => ({ uid: randomUUID(), mac: `fa:16:3e:00:00:0${n}` })) as [
  { uid: string; mac: string },
  { uid: string; mac: string },
  { uid: string; mac: string },
  { uid: string; mac: string },
]
let cluster: TestCluster
let node: TestNode
let driver: OvnNetworkDriver
let [from, to, third] = [] as unknown as [Workload, Workload, Workload]
let generation = 1

type Rates = PortDocument['spec']['packetRates']
const rate = (packetsPerSecond: number) => ({ packetsPerSecond, burstPackets: packetsPerSecond / 10 })
async function tell({ uid, mac }: typeof one, packetRates?: Rates, parent?: { portUid: string; vlan: number }) {
  const versions = { incarnation: 1, term: 1, epoch: 1, generation: ++generation }
  const spec = { logicalPort: uid, networkUid, mac, fixedIPs: [], mtu: 1442, vnicType: 'normal' as const }
  const document: PortDocument = {
    ...{ v: 1, kind: 'port', uid, node: 'left', namespace: 'ns', name: 'p', versions, tombstone: false },
    spec: { ...spec, ...(packetRates ? { packetRates } : {}), ...(parent ? { parent } : {}) },
  }
  const wanted = generation
  node.agent.send({ document })
  await until(
    () => {
      const said = node.agent.observed('port', uid)
      return said?.state === 'active' && said.versions.generation === wanted
    },
    'the port is active',
    20_000,
  )
}

beforeAll(async () => {
  cluster = await startCluster(['left'], '10.98.237')
  ;[node] = cluster.nodes as [TestNode]
  const spec = { roles: { compute: 'libvirt' }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } as const
  node.agent.send({ configure: spec })
  await node.agent.waitLine('configured')
  driver = await startNetworkDriver(cluster)
  await driver.ensure({ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, soon())
  for (const { uid, mac } of [one, two, sub, three]) {
    const port: LogicalPort = {
      ...{ kind: 'Port', ...owner, uid, networkUid, mac, node: 'left', fixedIPs: [], portSecurityEnabled: false },
      ...{ securityGroupUids: [], allowedAddressPairs: [], isShared: false },
      ...(uid === sub.uid ? { parent: { portUid: one.uid, vlan: VLAN } } : {}),
    }
    await driver.ensure(port, soon())
  }
  from = new Workload(node, one.uid, one.mac)
  to = new Workload(node, two.uid, two.mac)
  third = new Workload(node, three.uid, three.mac)
  for (const workload of [from, to, third]) await workload.plugIn()
  for (const port of [one, two, three]) await tell(port)
}, 180_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)

const bytes = (mac: string) => mac.replaceAll(':', '')
/** Frames of an experimental type, with a tag or without, as many a second as are offered. */
const sender = (source: string, destination: string, offered: number, tag?: number) => `
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
tag = bytes.fromhex("${tag === undefined ? '' : `8100${tag.toString(16).padStart(4, '0')}`}")
frame = bytes.fromhex("${bytes(destination)}${bytes(source)}") + tag + bytes.fromhex("88b5") + b"x" * 46
begun, sent = time.time(), 0
while time.time() - begun < 4.5:
  while sent < (time.time() - begun) * ${offered}:
    s.send(frame)
    sent += 1
  time.sleep(0.001)
print(sent)`
const received = async (by: Workload) => Number(/eth0:\s*\d+\s+(\d+)/.exec(await by.run('cat', '/proc/net/dev'))?.[1])

interface Stream {
  by: Workload
  at: Workload
  source: string
  destination: string
  offered?: number
  tag?: number
}
/** Packets a second that arrive, after a first second in which the burst passes. */
async function arriving({ by, at, source, destination, offered = 6_000, tag }: Stream): Promise<number> {
  const sent = by.run('python3', '-c', sender(source, destination, offered, tag))
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  const [before, begun] = [await received(at), performance.now()]
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const [after, ended] = [await received(at), performance.now()]
  await sent
  return ((after - before) / (ended - begun)) * 1000
}
const forth = (more: Partial<Stream> = {}) =>
  arriving({ by: from, at: to, source: one.mac, destination: two.mac, ...more })
const back = (more: Partial<Stream> = {}) =>
  arriving({ by: to, at: from, source: two.mac, destination: one.mac, ...more })
const expectWithinTenth = (value: number, wanted: number) => {
  expect(value).toBeGreaterThan(wanted * 0.9)
  expect(value).toBeLessThan(wanted * 1.1)
}
const flows = async () =>
  (
    await node.run(
      'ovs-ofctl',
      '-O',
      'OpenFlow13',
      'dump-flows',
      'br-int',
      'cookie=0x6e72000000000000/0xffff000000000000',
    )
  )
    .split('\n')
    .filter((line) => line.includes('cookie='))
/** In seconds. */
const ages = async () => (await flows()).map((line) => Number(/duration=([\d.]+)s/.exec(line)?.[1]))
const meters = async () =>
  [...(await node.run('ovs-ofctl', '-O', 'OpenFlow13', 'dump-meters', 'br-int')).matchAll(/meter=(\d+)/g)].map(
    ([, number]) => Number(number),
  )

test('without a limit all passes; with one each direction has its own, and another port has none', async () => {
  expect(await flows()).toEqual([])
  expect(await forth()).toBeGreaterThan(5_000)
  await tell(one, { egress: rate(1_000), ingress: rate(2_000) })
  expectWithinTenth(await forth(), 1_000)
  expectWithinTenth(await back(), 2_000)
  expect(await flows()).toHaveLength(2)
}, 60_000)

test('a look at what is as it is to be changes nothing', async () => {
  await until(async () => (await ages()).every((age) => age > 6), 'flows that have outlived a look', 15_000)
}, 30_000)

test('another rate is the same meter with another rate; one that is taken out is gone', async () => {
  const before = await meters()
  await tell(one, { egress: rate(3_000), ingress: rate(2_000) })
  expect(await meters()).toEqual(before)
  expectWithinTenth(await forth(), 3_000)
  await tell(one, { egress: rate(3_000) })
  expect(await meters()).toHaveLength(1)
  expect(await back()).toBeGreaterThan(5_000)
}, 60_000)

test('OVN’s daemon empties the bridge when it starts: the limit is back by itself', async () => {
  const [before = 0] = await ages()
  await stopDaemon(node.node, 'ovn-controller')
  await startDaemon(node.node, 'ovn-controller')
  await until(async () => ((await ages())[0] ?? Infinity) < before, 'another flow like it', 30_000)
  expectWithinTenth(await forth(), 3_000)
}, 90_000)

test('the agent is killed: the limit stays, and the next one knows it for its own', async () => {
  await node.agent.stop('SIGKILL')
  expectWithinTenth(await forth(), 3_000)
  const [before = 0] = await ages()
  await node.startAgent()
  const spec = { roles: { compute: 'libvirt' }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } as const
  node.agent.send({ configure: spec })
  await tell(one, { egress: rate(3_000) })
  const [after = 0] = await ages()
  expect(after).toBeGreaterThan(before)
}, 90_000)

test('a subport has a limit of its own, and its parent’s does not count for it', async () => {
  const parent = { portUid: one.uid, vlan: VLAN }
  await until(() => driver.isClaimed(sub.uid, 'left') === true, 'its node has it', 20_000)
  await tell(sub, { egress: rate(1_000), ingress: rate(1_500) }, parent)
  await until(async () => (await flows()).length === 3, 'its flows', 20_000)
  const tagged = { source: sub.mac, tag: VLAN }
  expectWithinTenth(await forth(tagged), 1_000)
  expectWithinTenth(await back({ destination: sub.mac }), 1_500)
  expectWithinTenth(await forth(), 3_000)
  await tell(sub, undefined, parent)
  expect(await forth(tagged)).toBeGreaterThan(5_000)
}, 90_000)

const EVERYBODY = 'ff:ff:ff:ff:ff:ff'
test('what is sent to all reaches the others while a limited port is flooded', async () => {
  await tell(one, { egress: rate(3_000), ingress: rate(1_000) })
  const before = await Promise.all([to, third].map(received))
  const [fromTwo, fromThree] = await Promise.all([
    ...[
      { by: to, mac: two.mac },
      { by: third, mac: three.mac },
    ].map(async ({ by, mac }) => Number(await by.run('python3', '-c', sender(mac, EVERYBODY, 100)))),
    // The subport has no limit: it gets both broadcasts beside what the meter lets pass.
    back().then((arrived) => expectWithinTenth(arrived, 1_200)),
  ])
  const after = await Promise.all([to, third].map(received))
  expect(after[0]! - before[0]!).toBeGreaterThanOrEqual(Number(fromThree))
  expect(after[1]! - before[1]!).toBeGreaterThanOrEqual(Number(fromTwo))
  const flood = { by: to, source: two.mac, destination: EVERYBODY, offered: 2_000 }
  expectWithinTenth(await arriving({ ...flood, at: from }), 3_000)
  expectWithinTenth(await arriving({ ...flood, at: third }), 2_000)
}, 60_000)

test('of a list of ports no meter takes a packet, and no mark stays: who sends does not hear itself', async () => {
  await until(() => driver.isClaimed(sub.uid, 'left') === true, 'its node has it', 20_000)
  await tell(one, { egress: rate(3_000), ingress: rate(1_000) })
  const [limited, other] = await Promise.all(
    [one, two].map(async ({ uid }) => (await node.run('ovs-vsctl', 'get', 'Interface', tapName(uid), 'ofport')).trim()),
  )
  const trace = (packet: string) => node.run('ovs-appctl', 'ofproto/trace', 'br-int', packet)
  const actions = (text: string) => /^Datapath actions: (.*)$/m.exec(text)?.[1] ?? ''
  const toAll = (port: string | undefined, mac: string, tag = '') =>
    trace(`in_port=${port},dl_src=${mac},dl_dst=${EVERYBODY},dl_type=0x88b5${tag}`)
  const alone = await trace(`in_port=${other},dl_src=${two.mac},dl_dst=${one.mac},dl_type=0x88b5`)
  expect(actions(alone)).toMatch(/^meter\(\d+\),\d+$/)
  expect(alone).toMatch(/^Final flow: .*reg14=0x[1-9]/m)
  expect(alone).not.toMatch(/^Final flow: .*reg14=0x8000/m)
  const heard = actions(await toAll(other, two.mac))
  expect(heard).toContain(`push_vlan(vid=${VLAN}`)
  expect(heard).toContain('meter')
  // At the end of the list no copy is needed.
  expect(heard.replaceAll(/clone\(meter\(\d+\),\d+\)|,meter\(\d+\),\d+$/g, '')).not.toContain('meter')
  const own = await toAll(limited, sub.mac, `,dl_vlan=${VLAN},dl_vlan_pcp=0`)
  expect(actions(own).split(',').length).toBeGreaterThan(1)
  expect(actions(own)).not.toContain('push_vlan')
  expect(own).not.toMatch(/^Final flow: .*reg14=0x8000/m)
  await tell(one, { egress: rate(3_000) })
}, 60_000)

test('an interface that is made anew is limited, and with the port all of it goes', async () => {
  await from.unplug()
  await until(async () => (await flows()).length === 0, 'the flows of an interface that is gone', 20_000)
  await from.plugIn()
  await until(async () => (await flows()).length === 1, 'those of the next one', 20_000)
  await until(() => node.agent.observed('port', one.uid)?.state === 'active', 'active again', 20_000)
  expectWithinTenth(await forth(), 3_000)
  const versions = { incarnation: 1, term: 1, epoch: 1, generation: ++generation }
  node.agent.send({
    document: { v: 1, kind: 'port', uid: one.uid, node: 'left', namespace: 'ns', name: 'p', versions, tombstone: true },
  })
  await until(() => node.agent.observed('port', one.uid)?.state === 'gone', 'gone', 20_000)
  expect(await flows()).toEqual([])
  expect(await meters()).toEqual([])
}, 90_000)
