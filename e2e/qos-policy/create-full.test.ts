// SPDX-License-Identifier: Apache-2.0
// Limits and marks by packets that arrive or do not: of ports, by their own policy and their network's, of a gateway and a floating IP, changed
// live, kept when a policy cannot be had, and gone with it.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP, NETWORK, PORT, QOS_POLICY, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FloatingIP, Port } from '../../lib/api/types.ts'
import { openDoor, type Door } from '../../local/commands/ssh.ts'
import { nbctl, rowsOf, uuidOfRow } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { outsideGateway } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { atDoor, atOutside, measureKbps, type Flow } from '../harness/traffic.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let [one, two]: Door[] = []
const doors = () => ({ one: one!, two: two! })
beforeAll(async () => {
  project = await Project.create('qos', { net: '10.83.0.0/24', withImage: false })
  const rules = [{ direction: 'ingress' }]
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), { rules }))
  const securityGroupRefs = [{ name: 'open' }]
  const open = () => openDoor(project.test.cloud, project.namespace, { name: 'net' }, { securityGroupRefs })
  ;[one, two] = [await open(), await open()]
}, 90_000)
afterAll(async () => {
  await Promise.all([one?.close(), two?.close()])
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 90_000)

const policy = (name: string, spec: object) => project.create(QOS_POLICY, draft.qosPolicy(project.at(name), spec))
const limit = (egress: number, ingress: number) => ({
  bandwidthLimits: [
    { direction: 'egress', maxKbps: egress },
    { direction: 'ingress', maxKbps: ingress },
  ],
})
const named = (name: string | null) => ({ spec: { qosPolicyRef: name === null ? null : { name } } })
const rulesOf = async (name: string) => {
  const { metadata } = await project.test.client.get<Port>(PORT, project.at(name))
  return rowsOf(project.test, 'QoS', metadata.uid)
}
const hosts = () => [atDoor(project.test, doors().one), atDoor(project.test, doors().two)] as const
const between = (more: Partial<Flow> = {}) => {
  const [from, to] = hosts()
  return measureKbps({ from, to, address: doors().two.address, ...more })
}
const back = (more: Partial<Flow> = {}) => {
  const [to, from] = hosts()
  return measureKbps({ from, to, address: doors().one.address, ...more })
}
/** The bench `qos` holds it to a tenth, on a machine that does nothing else. */
const expectAbout = (kbps: number, wanted: number) => {
  expect(kbps).toBeGreaterThan(wanted * 0.75)
  expect(kbps).toBeLessThan(wanted * 1.15)
}
const isLimited = async (name: string, kbps: number) =>
  waitUntilTrue(
    `${name} to have ${kbps} kbps`,
    async () =>
      (await rulesOf(name)).some(({ bandwidth }) => JSON.stringify(bandwidth).includes(`${kbps}`)) || undefined,
  )

test('a port sends and gets no more than its policy lets it, and bears its mark; the other way round it is free', async () => {
  const { one } = doors()
  expect(await between()).toBeGreaterThan(30_000)
  await policy('slow', { ...limit(8_000, 4_000), dscpMark: 46 })
  await project.patch(PORT, one.netns, named('slow'))
  await isLimited(one.netns, 4_000)
  expectAbout(await between(), 8_000)
  expectAbout(await back({ protocol: 'udp' }), 4_000)
  expect(await typeOfService()).toBe(46 << 2)
  await project.patch(QOS_POLICY, 'slow', { spec: limit(16_000, 4_000) })
  await isLimited(one.netns, 16_000)
  expectAbout(await between(), 16_000)
}, 90_000)

/** Of a packet from one to two, as the kernel there sees it. */
async function typeOfService(): Promise<number> {
  const { cloud } = project.test
  const { one, two } = doors()
  const at = (door: Door, program: string) =>
    cloud.exec(door.node, ['ip', 'netns', 'exec', door.netns, 'python3', '-c', `import socket\n${program}`])
  const socket = 's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)'
  const received = at(
    two,
    `${socket}\ns.setsockopt(0, 13, 1)\ns.settimeout(10)\ns.bind(("", 6000))\nprint(s.recvmsg(9, 99)[1][0][2][0])`,
  )
  const send = `import time\n${socket}\nfor i in range(20): s.sendto(b"x", ("${two.address}", 6000)); time.sleep(0.1)`
  const [{ stdout }] = await Promise.all([received, at(one, send)])
  return Number(stdout)
}

test('another hand that takes the rule away gets it back; one of its own stays', async () => {
  const { client } = project.test
  const { metadata } = await client.get(NETWORK, project.at('net'))
  const [network] = await rowsOf(project.test, 'Logical_Switch', metadata.uid)
  const at = uuidOfRow(network!)
  for (const rule of await rulesOf(doors().one.netns))
    await nbctl(project.test, 'remove', 'Logical_Switch', at, 'qos_rules', uuidOfRow(rule))
  await nbctl(project.test, 'qos-add', at, 'to-lport', '7', 'ip4.dst == 192.0.2.1', 'rate=999')
  await isLimited(doors().one.netns, 16_000)
  expect((await nbctl(project.test, 'qos-list', at)).stdout).toContain('192.0.2.1')
}, 60_000)

test('without one of its own it has its network’s; what is missing leaves it as it was, and is said', async () => {
  const { client } = project.test
  const { one, two } = doors()
  await policy('all', limit(6_000, 50_000))
  await project.patch(NETWORK, 'net', named('all'))
  await isLimited(two.netns, 6_000)
  await project.patch(PORT, one.netns, named('typo'))
  const waits = { type: 'Reconciling', status: 'True', reason: 'QoSPolicyNotFound' } as const
  await waitForCondition(client, PORT, project.at(one.netns), waits)
  expectAbout(await between(), 16_000)
  await project.patch(PORT, one.netns, named(null))
  await isLimited(one.netns, 6_000)
  expectAbout(await between(), 6_000)
  await client.remove(QOS_POLICY, project.at('all'))
  await waitForCondition(client, QOS_POLICY, project.at('all'), {
    type: 'Reconciling',
    status: 'True',
    reason: 'InUse',
  })
  await project.patch(NETWORK, 'net', named(null))
  await waitUntilTrue('no rule', async () => (await rulesOf(one.netns)).length === 0 || undefined)
  expect(await between()).toBeGreaterThan(30_000)
}, 90_000)

test('a gateway and a floating IP have limits of their own', async () => {
  const { cloud, client } = project.test
  const { one, two } = doors()
  await policy('gateway', limit(6_000, 50_000))
  await policy('floating', limit(50_000, 10_000))
  const externalGateway = { ...PUBLIC, qosPolicyRef: { name: 'gateway' } }
  await project.create(
    ROUTER,
    draft.router(project.at('r'), { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway }),
  )
  await waitForReady(client, ROUTER, project.at('r'))
  const spec = { ...PUBLIC, portRef: { name: two.netns }, qosPolicyRef: { name: 'floating' } }
  await project.create(FLOATING_IP, draft.floatingIP(project.at('web'), spec))
  const { status } = await waitForReady<FloatingIP>(client, FLOATING_IP, project.at('web'))
  for (const { node, netns } of [one, two])
    await cloud.exec(node, ['ip', 'netns', 'exec', netns, 'ip', 'route', 'add', 'default', 'via', '10.83.0.1'])
  const [outside, [near, far]] = [atOutside(project.test), hosts()]
  const gateway = outsideGateway(project.test)
  await waitUntilTrue('the way in', async () => (await gateway.pings(status?.ipAddress ?? '')) || undefined)
  expectAbout(await measureKbps({ from: near, to: outside, address: gateway.address }), 6_000)
  expectAbout(await measureKbps({ from: outside, to: far, address: status?.ipAddress ?? '' }), 10_000)
  expect(await measureKbps({ from: far, to: outside, address: gateway.address })).toBeGreaterThan(15_000)
}, 90_000)

test.each([
  ['a packet rate of nothing', { packetRateLimits: [{ direction: 'egress', maxKpps: 0 }] }, /maxKpps/],
  ['a mark that is none', { dscpMark: 1 }, /dscpMark/],
  ['a direction twice', limitTwice(), /Duplicate/],
])('%s is refused at once', async (_, spec, message) => {
  await expect(policy('bad', spec)).rejects.toThrow(message)
})

function limitTwice() {
  return { bandwidthLimits: [1, 2].map((maxKbps) => ({ direction: 'egress', maxKbps })) }
}
